//! What a trial does to the processes of its suite: it kills, ends and freezes them, and brings them back.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::Suite;
use crate::database::SCHEMAS;

impl Suite {
    /// Kills a service, the gateway, the `broker` or `postgres` as `kill -9` does.
    ///
    /// # Panics
    /// When it doesn't run.
    pub async fn kill(&self, victim: &str) {
        let running = self.running();
        if victim == "broker" {
            running.broker_is_dead.store(true, Ordering::SeqCst);
            let crashed = running.broker.lock().await.crash().await;
            crashed.expect("the broker crashes");
        } else if victim == "postgres" {
            running.postgres_is_dead.store(true, Ordering::SeqCst);
            let crashed = running.postgres.lock().await.crash().await;
            crashed.expect("PostgreSQL crashes");
        } else {
            let mut child = running
                .processes
                .lock()
                .await
                .remove(victim)
                .expect("a running process");
            child.kill().await.expect("it dies");
        }
    }

    /// Starts what was killed, and waits until it is ready.
    ///
    /// # Panics
    /// When it doesn't come up.
    pub async fn revive(&self, victim: &'static str) {
        let running = self.running();
        if victim == "broker" {
            let restarted = running.broker.lock().await.restart().await;
            restarted.expect("the broker restarts");
            running.broker_is_dead.store(false, Ordering::SeqCst);
        } else if victim == "postgres" {
            let restarted = running.postgres.lock().await.restart().await;
            restarted.expect("PostgreSQL restarts");
            running.postgres_is_dead.store(false, Ordering::SeqCst);
        } else {
            running.spawn(victim).await;
        }
        running.ready().await;
    }

    /// Starts a process that was killed; answers how long it took until it said of itself that it is ready.
    ///
    /// # Panics
    /// When it doesn't come up.
    pub async fn start_again(&self, name: &'static str) -> Duration {
        let began = Instant::now();
        let admin = self.running().spawn(name).await;
        let client = reqwest::Client::new();
        loop {
            let answer = client.get(format!("http://{admin}/readyz")).send().await;
            let took = began.elapsed();
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return took;
            }
            assert!(took < Duration::from_secs(60), "{name} does not come up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Starts whatever an earlier trial left dead.
    ///
    /// # Panics
    /// When it doesn't come up.
    pub async fn make_whole(&self) {
        let running = self.running();
        if running.postgres_is_dead.load(Ordering::SeqCst) {
            let restarted = running.postgres.lock().await.restart().await;
            restarted.expect("PostgreSQL restarts");
            running.postgres_is_dead.store(false, Ordering::SeqCst);
        }
        let alive = running.processes.lock().await.keys().copied().collect::<Vec<_>>();
        for name in SCHEMAS
            .into_iter()
            .chain(["gateway"])
            .filter(|name| !alive.contains(name))
        {
            running.spawn(name).await;
        }
        if running.broker_is_dead.load(Ordering::SeqCst) {
            self.revive("broker").await;
        }
        running.ready().await;
    }

    /// Tells a process to end (SIGTERM) and answers its exit code.
    ///
    /// # Panics
    /// When it doesn't run, or doesn't end within 30 s.
    pub async fn terminate(&self, name: &str) -> Option<i32> {
        let mut child = self
            .running()
            .processes
            .lock()
            .await
            .remove(name)
            .expect("a running process");
        let id = child.id().expect("a process that runs").to_string();
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .await
            .expect("kill");
        let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
        ended.expect("it ends within 30 s").expect("its status").code()
    }

    /// Stops every process of the suite in its tracks (SIGSTOP), until it is thawed.
    pub async fn freeze(&self) {
        self.signal_all("-STOP").await;
    }

    /// Lets them go on (SIGCONT).
    pub async fn thaw(&self) {
        self.signal_all("-CONT").await;
    }

    async fn signal_all(&self, signal: &str) {
        for (_, id) in self.processes().await {
            Command::new("kill")
                .args([signal, &id.to_string()])
                .status()
                .await
                .expect("kill");
        }
    }
}
