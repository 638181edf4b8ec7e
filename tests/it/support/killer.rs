//! A client that is killed at one of its requests.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{Project, Ran, Served};

/// When the client is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The request never arrives.
    Before,
    /// The request arrives and is answered, and the answer never arrives.
    After,
}

/// A way to the server on which a client is killed at one of its requests.
pub(crate) struct Killer {
    pub(crate) url: String,
    client: Arc<AtomicU32>,
    requests: Arc<AtomicUsize>,
    at: Arc<Mutex<Option<(usize, Moment)>>>,
}

impl Killer {
    pub(crate) fn before(served: &Served) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let target = served.url.trim_start_matches("http://").to_owned();
        let killer = Self { url, client: Arc::default(), requests: Arc::default(), at: Arc::default() };
        let (client, requests, at) = (killer.client.clone(), killer.requests.clone(), killer.at.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&target) else { continue };
                let (client, requests, at) = (client.clone(), requests.clone(), at.clone());
                std::thread::spawn(move || pass_on(stream, server, &client, &requests, &at));
            }
        });
        killer
    }

    /// Runs kiln, which is killed at the n-th of its requests; returns how many it sent.
    pub(crate) fn run(
        &self,
        project: &Project,
        token: &str,
        args: &[&str],
        at: Option<(usize, Moment)>,
    ) -> (Ran, usize) {
        self.run_with(project, token, args, &[], at)
    }

    /// Runs kiln so, with further variables.
    pub(crate) fn run_with(
        &self,
        project: &Project,
        token: &str,
        args: &[&str],
        variables: &[(&str, &str)],
        at: Option<(usize, Moment)>,
    ) -> (Ran, usize) {
        self.requests.store(0, Ordering::SeqCst);
        *self.at.lock().expect("nobody panicked") = at;
        let mut command = project.command(args);
        command.env("DATABRICKS_TOKEN", token).env("FIVETRAN_API_KEY", "local").env("FIVETRAN_API_SECRET", token);
        command.envs(variables.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kiln can be started");
        self.client.store(child.id(), Ordering::SeqCst);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        (ran, self.requests.load(Ordering::SeqCst))
    }
}

/// Passes bytes on both ways, and counts the requests by their first lines.
fn pass_on(
    mut client: TcpStream,
    mut server: TcpStream,
    process: &AtomicU32,
    requests: &AtomicUsize,
    at: &Mutex<Option<(usize, Moment)>>,
) {
    let (mut back, mut answers) =
        (client.try_clone().expect("it can be shared"), server.try_clone().expect("it can be shared"));
    let muted = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mute = muted.clone();
    let kill = |process: &AtomicU32| {
        let _ = Command::new("kill").args(["-KILL", &process.load(Ordering::SeqCst).to_string()]).status();
    };
    let answered = Arc::new((Mutex::new(false), std::sync::Condvar::new()));
    let tell = answered.clone();
    let pump = std::thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(n) = answers.read(&mut buffer) {
            if n == 0 {
                break;
            }
            if mute.load(Ordering::SeqCst) {
                *tell.0.lock().expect("nobody panicked") = true;
                tell.1.notify_all();
            } else if back.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 65536];
    while let Ok(n) = client.read(&mut buffer) {
        if n == 0 {
            break;
        }
        // The client sends the head of a request in one piece.
        if buffer[..n].windows(11).any(|window| window == b" HTTP/1.1\r\n") {
            let count = requests.fetch_add(1, Ordering::SeqCst) + 1;
            match *at.lock().expect("nobody panicked") {
                Some((n, Moment::Before)) if n == count => {
                    kill(process);
                    break;
                }
                Some((at, Moment::After)) if at == count => {
                    muted.store(true, Ordering::SeqCst);
                    if server.write_all(&buffer[..n]).is_ok() {
                        let mut done = answered.0.lock().expect("nobody panicked");
                        while !*done {
                            done = answered.1.wait(done).expect("nobody panicked");
                        }
                    }
                    kill(process);
                    break;
                }
                _ => {}
            }
        }
        if server.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = pump.join();
}
