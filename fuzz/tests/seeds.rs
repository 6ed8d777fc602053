//! Each target on its seeds and on mutations of them, the same at each run and with a stable compiler. What a panic was met with
//! lies in `fuzz/artifacts`.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Mutations of each target.
const MUTATIONS: usize = 1000;

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                on_seeds_and_mutations(stringify!($name), anaphora_fuzz::$name);
            }
        )*

        #[test]
        fn each_target_has_seeds() {
            let mut names = vec![$(stringify!($name)),*];
            names.sort_unstable();
            assert_eq!(names_in("seeds"), names);
            assert_eq!(names_in("targets"), names);
        }
    };
}

targets! { abc chorales midi picture recipe run series table tagged texts tokenizer wav }

fn here() -> &'static Path {
    env!("CARGO_MANIFEST_DIR").as_ref()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn names_in(folder: &str) -> Vec<String> {
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files_in(&here().join(folder)).iter().map(name).collect()
}

fn on_seeds_and_mutations(name: &str, target: fn(&[u8])) {
    let seeds: Vec<_> = files_in(&here().join("seeds").join(name))
        .into_iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mutated = (0..MUTATIONS).map(|number| mutate(&mut random, &seeds[number % seeds.len()], &seeds));
    for (number, content) in seeds.iter().cloned().chain(mutated).enumerate() {
        if catch_unwind(|| target(&content)).is_err() {
            let folder = here().join("artifacts").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("mutation-{number}"));
            std::fs::write(&path, content).unwrap();
            panic!("a panic at {}", path.display());
        }
    }
}

/// The content with some stretches of it changed, cut, doubled or taken from another seed.
fn mutate(random: &mut impl Rng, content: &[u8], seeds: &[Vec<u8>]) -> Vec<u8> {
    const WORDS: [&[u8]; 10] = [
        b"0",
        b"-1",
        b"1e308",
        b"nan",
        b"99999999999999999999",
        b"\n",
        b"\"",
        b"\t",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
    ];
    let mut content = content.to_vec();
    for _ in 0..1 << random.random_range(0..4) {
        let at = random.random_range(0..=content.len());
        let end = content.len().min(at + (1 << random.random_range(0..8)));
        let new = match random.random_range(0..6) {
            0 => vec![random.random()],
            1 => content[at..end].iter().map(|byte| byte ^ 1 << random.random_range(0..8)).collect(),
            2 => Vec::new(),
            3 => content[at..end].repeat(2),
            4 => WORDS[random.random_range(0..WORDS.len())].to_vec(),
            _ => {
                let other = &seeds[random.random_range(0..seeds.len())];
                let from = random.random_range(0..=other.len());
                other[from..other.len().min(from + 64)].to_vec()
            }
        };
        content.splice(at..end, new);
    }
    content
}
