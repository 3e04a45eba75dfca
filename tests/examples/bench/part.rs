//! A measured part runs in a process of its own, so that peak memory and CPU time are its own. The parent hands it the
//! database's address through the environment, since that holds a password.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};

use crate::Failure;

/// Where the part's database is.
pub(crate) const URL: &str = "COVENANT_BENCH_URL";
/// How often a peer's memory is looked at.
const LOOK: Duration = Duration::from_millis(5);
const KIB_PER_MIB: f64 = 1024.0;
const US_PER_S: f64 = 1e6;

/// What a part measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// What was counted: rows, changes, records.
    pub(crate) count: u64,
    /// Wall time of it, seconds.
    pub(crate) seconds: f64,
    /// CPU time of it, user and system, seconds.
    pub(crate) cpu_s: f64,
    /// Most resident memory of the process, MiB.
    pub(crate) rss_mib: f64,
}

impl Measured {
    /// A second.
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// CPU time of each, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu_s * US_PER_S / self.count.max(1) as f64
    }

    /// The faster one; the larger memory of both.
    fn better(self, other: Self) -> Self {
        let rss_mib = self.rss_mib.max(other.rss_mib);
        let best = if other.rate() > self.rate() { other } else { self };
        Self { rss_mib, ..best }
    }

    /// For the parent.
    pub(crate) fn to_line(self) -> String {
        let Self { count, seconds, cpu_s, rss_mib } = self;
        format!("{count}\t{seconds}\t{cpu_s}\t{rss_mib}")
    }

    fn read(line: &str) -> Result<Self, Failure> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [count, seconds, cpu_s, rss_mib] = fields.as_slice() else {
            return Err(format!("a part said {line:?}").into());
        };
        Ok(Self {
            count: count.parse()?,
            seconds: seconds.parse()?,
            cpu_s: cpu_s.parse()?,
            rss_mib: rss_mib.parse()?,
        })
    }
}

/// The best of several, none yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Best(Option<Measured>);

impl Best {
    /// Takes one in.
    pub(crate) fn add(&mut self, measured: Measured) {
        self.0 = Some(self.0.map_or(measured, |best| best.better(measured)));
    }

    /// The best.
    pub(crate) fn get(self) -> Result<Measured, Failure> {
        self.0.ok_or_else(|| "nothing was measured".into())
    }
}

/// Wall and CPU time of this process, from now on.
pub(crate) struct Watch {
    began: Instant,
    cpu_s: f64,
}

impl Watch {
    /// Starts.
    pub(crate) fn start() -> Result<Self, Failure> {
        Ok(Self { began: Instant::now(), cpu_s: cpu_s(UsageWho::RUSAGE_SELF)? })
    }

    /// Since the start.
    pub(crate) fn stop(&self, count: u64) -> Result<Measured, Failure> {
        Ok(Measured {
            count,
            seconds: self.began.elapsed().as_secs_f64(),
            cpu_s: cpu_s(UsageWho::RUSAGE_SELF)? - self.cpu_s,
            rss_mib: peak_rss_mib("self").unwrap_or_default(),
        })
    }
}

/// CPU time of this process, or of its children that have ended: user and system, seconds.
pub(crate) fn cpu_s(whose: UsageWho) -> Result<f64, Failure> {
    let usage: Usage = getrusage(whose)?;
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / US_PER_S;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Most resident memory of a process so far, MiB; none where it has ended. Not `ru_maxrss`: that one begins with the memory
/// of whoever started the process.
pub(crate) fn peak_rss_mib(pid: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / KIB_PER_MIB)
}

/// Runs a part of this program.
pub(crate) fn run(arguments: &[&str], url: &str) -> Result<Measured, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("part").args(arguments).env(URL, url);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the part {} ended with {}", arguments.join(" "), output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Measured::read(text.lines().last().unwrap_or_default())
}

/// Runs a peer's program; what it does counts as `count`.
pub(crate) fn peer(mut command: Command, count: u64) -> Result<Measured, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let before = cpu_s(UsageWho::RUSAGE_CHILDREN)?;
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let pid = child.id().to_string();
    let mut rss_mib: f64 = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        rss_mib = rss_mib.max(peak_rss_mib(&pid).unwrap_or_default());
        std::thread::sleep(LOOK);
    };
    let seconds = began.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{name} ended with {status}").into());
    }
    let cpu_s = cpu_s(UsageWho::RUSAGE_CHILDREN)? - before;
    Ok(Measured { count, seconds, cpu_s, rss_mib })
}

/// The address that the parent handed over.
pub(crate) fn url() -> Result<String, Failure> {
    std::env::var(URL).map_err(|_| format!("{URL} is not set: a figure starts its parts").into())
}

/// The event loop that the product's process has.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
