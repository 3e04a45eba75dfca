//! SIGTERM and SIGINT: the process is asked to end.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for either. Where signals cannot be listened to, it never ends: SIGKILL is survived at any instant.
pub async fn asked_to_end() {
    let listened = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = listened else {
        tracing::error!("signals cannot be listened to: only SIGKILL will end this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
        _ = interrupt.recv() => tracing::info!("SIGINT: draining"),
    }
}
