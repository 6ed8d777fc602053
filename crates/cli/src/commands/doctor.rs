//! `anaphora doctor`: what this machine has to compute with, and what it reaches.

use std::time::Duration;

use anaphora::machine::Machine;
use anaphora::{Device, Precision};
use serde::Serialize;

use crate::error::Result;
use crate::output::{counted, print, print_json, size, tell};
use crate::version;

/// Rows, inner size and columns of the product that is timed.
const PRODUCT: [usize; 3] = [2048, 1024, 1024];
/// How long each is repeated.
const TIME: Duration = Duration::from_millis(400);
/// Of what two threads or more could gain, the share under which the cores are said to be busy.
const BUSY: f64 = 0.7;

/// Tell what this machine has to compute with, and what it reaches
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    program: &'static str,
    commit: Option<&'static str>,
    optimized: bool,
    #[serde(flatten)]
    machine: Machine,
    products: Vec<Product>,
}

/// A product that was timed.
#[derive(Serialize)]
struct Product {
    precision: &'static str,
    threads: usize,
    gflops: f64,
}

/// Looks, measures and tells.
pub fn run(args: &Args) -> Result<()> {
    let machine = Machine::look();
    if !args.json {
        tell("Products are timed, a second or two …");
    }
    let mut products = Vec::new();
    let threads = if machine.usable_cores > 1 { vec![1, machine.usable_cores] } else { vec![1] };
    for precision in [Precision::F32, Precision::Bf16] {
        for &threads in &threads {
            let device = Device::new(threads, precision);
            let gflops = anaphora_bench::product(PRODUCT, &device, TIME)?.gflops;
            products.push(Product { precision: precision.name(), threads, gflops });
        }
    }
    let report = Report {
        program: version::NUMBER,
        commit: version::COMMIT,
        optimized: !cfg!(debug_assertions),
        machine,
        products,
    };
    if args.json { print_json(&report) } else { print(&told(&report)) }
}

/// The report as lines, and what they advise.
fn told(report: &Report) -> String {
    let machine = &report.machine;
    let [offered, used] = machine.instructions;
    let instructions = match offered == used {
        true => used.to_owned(),
        false => format!("{used}, as ANAPHORA_ISA asks; {offered} is here too"),
    };
    let cores = match machine.usable_cores == machine.cores {
        true => counted(machine.cores, "core"),
        false => format!("{} of {}", machine.usable_cores, counted(machine.cores, "core")),
    };
    let free =
        machine.free_memory.map_or(String::new(), |free| format!(", {} free for this program", size(free)));
    let mut lines = vec![
        ("program", version::long()),
        ("processor", format!("{}, {cores}", machine.processor.as_deref().unwrap_or("of no name"))),
        ("instructions", instructions),
        ("precision", format!("{} where the recipe leaves it to the program", machine.precision)),
        ("memory", format!("{}{free}", size(machine.memory))),
    ];
    for product in &report.products {
        let [m, k, n] = PRODUCT;
        let text = format!("[{m}, {k}] x [{k}, {n}] in {}", product.precision);
        let threads = counted(product.threads, "thread");
        lines.push(("product", format!("{text}, {threads}: {:.0} GF/s", product.gflops)));
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text: String = lines.iter().map(|(name, line)| format!("{name:width$}  {line}\n")).collect();
    for advice in advice(report) {
        text.push_str(&format!("{advice}\n"));
    }
    text
}

/// What of this would be better otherwise.
fn advice(report: &Report) -> Vec<String> {
    let (machine, mut all) = (&report.machine, Vec::new());
    if !report.optimized {
        all.push("This is a debug build; `cargo build --release` makes a faster one.".to_owned());
    }
    if machine.instructions[0] == "portable" {
        all.push("The processor has no AVX2: products are several times slower than where it is.".to_owned());
    }
    let speed = |precision: &str, threads: usize| {
        let found = report.products.iter().find(|one| one.precision == precision && one.threads == threads);
        found.map_or(f64::NAN, |one| one.gflops)
    };
    let gain = speed("f32", machine.usable_cores) / speed("f32", 1);
    if gain < BUSY * machine.usable_cores as f64 {
        let threads = counted(machine.usable_cores, "thread");
        all.push(format!(
            "{threads} reach {gain:.1} times what one does: the cores are busy, shared, or not all as fast."
        ));
    }
    let other = match machine.precision {
        "bf16" => "f32",
        _ => "bf16",
    };
    if speed(other, machine.usable_cores) > speed(machine.precision, machine.usable_cores) {
        all.push(format!(
            "{other} was faster here than {}: --precision {other} asks for it.",
            machine.precision
        ));
    }
    all
}
