//! Family 0: files and the command line.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    UNREADABLE = 1, Error, "a file or folder cannot be read",
        what: "A file or folder of the contracts could not be read.",
        why: "The contracts folder, or a file in it, could not be read. Nothing is known about \
             what was not read, so nothing is built.",
        how: "Check that the path exists, that it may be read, and that every file is UTF-8 text.",
        broken: "",
        mended: "";
    NO_CONTRACTS = 2, Error, "no contract files",
        what: "The contracts folder holds no `.yaml` file.",
        why: "Without contracts there is nothing to build, and an empty run would look like a good \
             one.",
        how: "Give the folder with `--contracts`, or begin with a `project.yaml` and one entity.",
        broken: "",
        mended: "";
    STALE_OUTPUT = 3, Error, "generated files are stale",
        what: "A file under `generated/` differs from what the contracts say.",
        why: "What the contracts mean and what is committed under `generated/` differ: somebody \
             changed a contract without building, or edited a generated file.",
        how: "Run `covenant build` and commit the result; never edit generated files.",
        broken: "",
        mended: "";
    UNKNOWN_BASE = 4, Error, "nothing to compare with",
        what: "`--against` names no git revision and no folder.",
        why: "Nothing is known about what would break, so the command does not succeed.",
        how: "Give `git:<revision>`, a folder, or `released`.",
        broken: "",
        mended: "";
    NOT_TEXT = 5, Error, "not UTF-8",
        what: "A contract file is not UTF-8 text.",
        why: "Nobody can say what it declares.",
        how: "Save it as UTF-8.",
        broken: "",
        mended: "";
}
