//! A row of the table: printed as a line of tab-separated text, read back, shown as Markdown.

use crate::Failure;

/// Fields of a line.
const FIELDS: usize = 6;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// The figure.
    pub(crate) value: f64,
    /// `rows/s`, `s`, `us/row`
    pub(crate) unit: String,
    /// What it is compared with, with its own figure; empty: nothing.
    pub(crate) peer: String,
    /// Value over the peer's.
    pub(crate) ratio: Option<f64>,
    /// Most resident memory of the process that did the work, MiB.
    pub(crate) peak_rss_mib: Option<f64>,
}

impl Row {
    /// A row without a peer.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self {
            name: name.into(),
            value,
            unit: unit.to_owned(),
            peer: String::new(),
            ratio: None,
            peak_rss_mib: None,
        }
    }

    /// With a peer's figure from the same run, in the same unit.
    pub(crate) fn beside(mut self, peer: &str, value: f64) -> Self {
        self.peer = format!("{peer}: {}", number(value));
        self.ratio = (value > 0.0).then(|| self.value / value);
        self
    }

    /// With the memory of the process that did the work.
    pub(crate) fn memory(mut self, mib: f64) -> Self {
        self.peak_rss_mib = Some(mib);
        self
    }

    /// `name, value, unit, peer, ratio, peak_rss_mib`, separated by tabs; what is not there is empty.
    pub(crate) fn to_line(&self) -> String {
        let Self { name, value, unit, peer, ratio, peak_rss_mib } = self;
        let optional = |number: &Option<f64>| number.map(|n| format!("{n:.3}")).unwrap_or_default();
        let (ratio, memory) = (optional(ratio), optional(peak_rss_mib));
        format!("{name}\t{value:.4}\t{unit}\t{peer}\t{ratio}\t{memory}")
    }

    /// Reads a line.
    pub(crate) fn read(line: &str) -> Result<Self, Failure> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, value, unit, peer, ratio, memory] = fields.as_slice() else {
            return Err(format!("a row has {FIELDS} fields, this one {}", fields.len()).into());
        };
        let optional = |text: &str| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        Ok(Self {
            name: (*name).to_owned(),
            value: value.parse()?,
            unit: (*unit).to_owned(),
            peer: (*peer).to_owned(),
            ratio: optional(ratio)?,
            peak_rss_mib: optional(memory)?,
        })
    }
}

/// The table of docs/performance.md.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | figure | unit | beside, in the same run | ratio | peak memory, MiB |\n\
         |---|---:|---|---|---:|---:|\n",
    );
    for row in rows {
        let Row { name, value, unit, peer, ratio, peak_rss_mib } = row;
        let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let memory = peak_rss_mib.map(|mib| format!("{mib:.0}")).unwrap_or_default();
        let value = number(*value);
        text.push_str(&format!("| {name} | {value} | {unit} | {peer} | {ratio} | {memory} |\n"));
    }
    text
}

/// Three significant digits below 1,000, whole numbers with separators above.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if value.abs() < 1_000.0 {
        return text;
    }
    let mut grouped = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
