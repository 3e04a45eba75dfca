//! Family 0: files and the command line.

use super::{Code, Severity};

codes! {
    UNREADABLE = 1, Error, "a file or folder cannot be read",
        "The contracts folder, or a file in it, could not be read. Nothing is known about what was not \
         read, so nothing is built. Check that the path exists, that it may be read, and that every file \
         is UTF-8 text.";
    NO_CONTRACTS = 2, Error, "no contract files",
        "The contracts folder holds no `.yaml` file. Give the folder with `--contracts`, or begin with a \
         `project.yaml` and one entity.";
    STALE_OUTPUT = 3, Error, "generated files are stale",
        "What the contracts mean and what is committed under `generated/` differ: somebody changed a \
         contract without building, or edited a generated file. Run `covenant build` and commit the \
         result; never edit generated files.";
    UNKNOWN_BASE = 4, Error, "nothing to compare with",
        "`--against` names no git revision and no folder. Nothing is known about what would break, so the \
         command does not succeed. Give `git:<revision>`, a folder, or `released`.";
    NOT_TEXT = 5, Error, "not UTF-8",
        "A contract file is not UTF-8 text, so nobody can say what it declares. Save it as UTF-8.";
}
