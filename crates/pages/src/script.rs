//! The scripts of pages: modules of `src/script`, put together to one.

/// A module: its name and its source.
type Module = (&'static str, &'static str);

/// What all pages have: charts and views, each module after those that it imports from.
const MODULES: &[Module] = &[
    ("base/dom.js", include_str!("script/base/dom.js")),
    ("base/number.js", include_str!("script/base/number.js")),
    ("base/colour.js", include_str!("script/base/colour.js")),
    ("base/figure.js", include_str!("script/base/figure.js")),
    ("base/data.js", include_str!("script/base/data.js")),
    ("base/cursor.js", include_str!("script/base/cursor.js")),
    ("chart/lines.js", include_str!("script/chart/lines.js")),
    ("chart/bars.js", include_str!("script/chart/bars.js")),
    ("chart/table.js", include_str!("script/chart/table.js")),
    ("chart/heatmap.js", include_str!("script/chart/heatmap.js")),
    ("chart/text.js", include_str!("script/chart/text.js")),
    ("chart/plane.js", include_str!("script/chart/plane.js")),
    ("chart/picture.js", include_str!("script/chart/picture.js")),
    ("chart/tune.js", include_str!("script/chart/tune.js")),
    ("chart/draw.js", include_str!("script/chart/draw.js")),
    ("view/input.js", include_str!("script/view/input.js")),
    ("view/forecast.js", include_str!("script/view/forecast.js")),
    ("view/next.js", include_str!("script/view/next.js")),
    ("view/gates.js", include_str!("script/view/gates.js")),
    ("view/units.js", include_str!("script/view/units.js")),
    ("view/gradients.js", include_str!("script/view/gradients.js")),
    ("view/curves.js", include_str!("script/view/curves.js")),
    ("view/over.js", include_str!("script/view/over.js")),
    ("view/attention.js", include_str!("script/view/attention.js")),
    ("view/search.js", include_str!("script/view/search.js")),
    ("view/embedding.js", include_str!("script/view/embedding.js")),
    ("view/saliency.js", include_str!("script/view/saliency.js")),
    ("view/graph.js", include_str!("script/view/graph.js")),
    ("view/views.js", include_str!("script/view/views.js")),
];

/// What draws a page that is a file.
const PAGE: &[Module] = &[("page.js", include_str!("script/page.js"))];

/// What the studio has beside.
const STUDIO: &[Module] = &[
    ("studio/api.js", include_str!("script/studio/api.js")),
    ("studio/form.js", include_str!("script/studio/form.js")),
    ("studio/words.js", include_str!("script/studio/words.js")),
    ("studio/music.js", include_str!("script/studio/music.js")),
    ("studio/sampling.js", include_str!("script/studio/sampling.js")),
    ("studio/sketch.js", include_str!("script/studio/sketch.js")),
    ("studio/start.js", include_str!("script/studio/start.js")),
    ("studio/plan.js", include_str!("script/studio/plan.js")),
    ("studio/training.js", include_str!("script/studio/training.js")),
    ("studio/inside.js", include_str!("script/studio/inside.js")),
    ("studio/write.js", include_str!("script/studio/write.js")),
    ("studio/compose.js", include_str!("script/studio/compose.js")),
    ("studio/predict.js", include_str!("script/studio/predict.js")),
    ("studio/run.js", include_str!("script/studio/run.js")),
    ("studio.js", include_str!("script/studio.js")),
];

/// The script of a page that is a file.
pub fn page() -> String {
    joined(PAGE)
}

/// The script of the studio.
pub fn studio() -> String {
    joined(STUDIO)
}

/// All modules as one: imports are left out and exports are plain, as they share one scope.
fn joined(own: &[Module]) -> String {
    let mut code = String::new();
    for (name, source) in MODULES.iter().chain(own) {
        code.push_str(&format!("// {name}\n"));
        for line in source.lines().filter(|line| !line.starts_with("import ")) {
            code.push_str(line.strip_prefix("export ").unwrap_or(line));
            code.push('\n');
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn all() -> impl Iterator<Item = &'static Module> {
        MODULES.iter().chain(PAGE).chain(STUDIO)
    }

    /// Names that a module declares at its top level.
    fn declared(source: &str) -> impl Iterator<Item = &str> {
        source.lines().filter_map(|line| {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let line = line.strip_prefix("async ").unwrap_or(line);
            let (word, rest) = line.split_once(' ')?;
            ["function", "function*", "const", "let", "class"].contains(&word).then_some(rest)?;
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
        })
    }

    #[test]
    fn modules_share_a_scope_without_sharing_names() {
        let mut owners = BTreeMap::new();
        for (module, source) in all() {
            for name in declared(source) {
                if let Some(other) = owners.insert(name, module) {
                    panic!("{name} is declared by {other} and by {module}");
                }
            }
        }
    }

    #[test]
    fn imports_come_from_modules_that_stand_before() {
        let mut before: Vec<&str> = Vec::new();
        for (module, source) in all() {
            for line in source.lines().filter(|line| line.starts_with("import ")) {
                let (names, from) = line
                    .strip_prefix("import { ")
                    .and_then(|rest| rest.strip_suffix("\";"))
                    .and_then(|rest| rest.split_once(" } from \""))
                    .unwrap_or_else(|| panic!("{module}: {line}"));
                let file = from.rsplit('/').next().expect("a name");
                let owner = all()
                    .find(|(other, _)| before.contains(other) && other.rsplit('/').next() == Some(file))
                    .unwrap_or_else(|| panic!("{module}: {from} stands after it, or nowhere"));
                for name in names.split(", ") {
                    assert!(declared(owner.1).any(|known| known == name), "{module}: {from} has no {name}");
                    let uses = source.matches(name).count();
                    assert!(uses > 1, "{module} imports {name} and does not use it");
                }
            }
            before.push(module);
        }
    }

    #[test]
    fn every_module_in_the_folder_is_in_the_script() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/script");
        let mut found = Vec::new();
        let mut folders = vec![std::path::PathBuf::from(root)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(root).expect("below the root");
                    found.push(name.to_str().expect("a plain name").to_owned());
                }
            }
        }
        found.sort();
        let mut known: Vec<&str> = all().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(found, known);
    }
}
