//! `docs/diagnostics.md`: every code on one page, from the data that `covenant explain` prints.

use super::codes;

/// What each digit behind `CV` stands for.
const FAMILIES: [(u16, &str); 7] = [
    (0, "Files and the command line"),
    (1, "Text of a contract"),
    (2, "Names"),
    (3, "Meaning"),
    (4, "Waivers, and old versions"),
    (5, "Order and groups"),
    (6, "Targets"),
];

/// The whole page.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Diagnostics\n\nGenerated from the compiler; `COVENANT_BLESS=1 cargo test -p covenant-compiler` writes it \
         anew. `covenant explain CODE` prints one entry. A comment names the file that the lines below it stand in. The \
         examples are run: the broken lines raise exactly their code, the mended ones none.\n\nWhat a change breaks has \
         codes of its own, `DC…`, which `covenant explain` lists too.\n",
    );
    for (family, name) in FAMILIES {
        out.push_str(&format!("\n# CV{family}: {name}\n"));
        for code in codes::all().filter(|code| code.number / 1000 == family) {
            out.push('\n');
            out.push_str(&code.explain.markdown(&code.headline()));
        }
    }
    out
}
