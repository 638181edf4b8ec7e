//! Whole processes of kiln, measured as the kernel sees them: wall time, CPU time and peak memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
}

/// Runs kiln and watches what the kernel says of it until it has ended.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Measured {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let said = || std::fs::read_to_string(log.path()).unwrap_or_default();
    let start = Instant::now();
    let mut process = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(log.reopen().expect("the file can be written"))
        .spawn()
        .expect("kiln can be started");
    let proc = format!("/proc/{}", process.id());
    let (mut cpu, mut peak_kib) = (Duration::ZERO, 0);
    loop {
        // Both figures only grow, so the last reading is the one that counts.
        cpu = cpu_time(&proc).unwrap_or(cpu);
        peak_kib = high_water(&proc).unwrap_or(peak_kib);
        if let Some(status) = process.try_wait().expect("kiln can be waited for") {
            assert!(status.success(), "kiln {args:?} failed: {status}\n{}", said());
            return Measured { wall: start.elapsed(), cpu, peak_kib };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// User and system time from `/proc/<pid>/stat`, whose unit on Linux is a hundredth of a second.
fn cpu_time(proc: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("{proc}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    (ticks > 0).then(|| Duration::from_millis(ticks * 10))
}

fn high_water(proc: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("{proc}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

/// Measures so many times, and prints the one in the middle by wall time.
pub(crate) fn median(what: &str, times: usize, measure: impl Fn() -> Measured) {
    let mut all: Vec<Measured> = (0..times).map(|_| measure()).collect();
    all.sort_by_key(|m| m.wall);
    print(what, &all[times / 2]);
}

/// Prints the title row of what [`print`] writes.
pub(crate) fn head() {
    println!("{:<44} {:>9} {:>9} {:>10}", "what", "wall s", "CPU s", "peak MiB");
}

/// Prints one row.
pub(crate) fn print(what: &str, measured: &Measured) {
    println!(
        "{what:<44} {:>9.2} {:>9.2} {:>10}",
        measured.wall.as_secs_f64(),
        measured.cpu.as_secs_f64(),
        measured.peak_kib / 1024
    );
}
