"""Table of the scoreboard: pairs and our verdicts from index.json, the peer's from its library, in one process."""

import json
import logging
import pathlib
import sys

folder, peer, out = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
logging.disable(logging.CRITICAL)
try:
    from datacontract.data_contract import DataContract
except ImportError:
    DataContract = None


def asked(pair):
    """Whether the peer calls the pair breaking; None where it cannot be asked."""
    if DataContract is None or not pair["files"]:
        return None
    for name in pair["files"]:
        old, new = (folder / pair["pair"] / side / name for side in ("old", "new"))
        if not new.exists():
            return None
        if DataContract(data_contract_file=str(old)).breaking(DataContract(data_contract_file=str(new))).is_breaking:
            return True
    return False


def row(who, pairs, verdict):
    breaks = [pair for pair in pairs if pair["breaks"]]
    harmless = [pair for pair in pairs if not pair["breaks"]]
    found = sum(1 for pair in breaks if verdict(pair))
    alarms = sum(1 for pair in harmless if verdict(pair))
    return f"| {who} | {len(pairs)} | {found} of {len(breaks)} | {len(breaks) - found} | {alarms} of {len(harmless)} |"


pairs = json.loads((folder / "index.json").read_text())
for pair in pairs:
    pair["ours"] = bool(pair["errors"])
    pair["peer"] = asked(pair)
lines = [
    "# Scoreboard",
    "",
    "Changes of this repository's own contracts, each with its truth written by hand (`compiler/tests/scoreboard/changes.txt`): does",
    "anybody who is bound break? The composed ones are two to four of them at once, every fourth of harmless parts only. Written by",
    f"`make scoreboard`; the peer is `{peer}` (`breaking`, perspective consumer) on both sides' ODCS export, asked about the",
    "pairs whose exports differ: the others cannot be expressed in its format. A found break is an error, as exit code 1 is.",
    "The truth knows who is bound (validator, table, Salesforce, models), which the peer is not told: read its row as what a",
    "checker of the contract alone can say.",
    "",
    "| changes | pairs | breaks found | missed | false alarms |",
    "|---|---|---|---|---|",
]
for name in ("single", "composed"):
    chosen = [pair for pair in pairs if pair["set"] == name]
    lines.append(row(f"{name}: covenant", chosen, lambda pair: pair["ours"]))
    known = [pair for pair in chosen if pair["peer"] is not None]
    if known:
        lines.append(row(f"{name}, in ODCS: covenant", known, lambda pair: pair["ours"]))
        lines.append(row(f"{name}, in ODCS: peer", known, lambda pair: pair["peer"]))
lines += ["", "| change | breaks | covenant | peer |", "|---|---|---|---|"]
for pair in (pair for pair in pairs if pair["set"] == "single"):
    said = {None: "not expressible", True: "breaking", False: "not breaking"}[pair["peer"]]
    ours = ", ".join(pair["errors"]) or "no error"
    lines.append(f"| {pair['title']} | {'yes' if pair['breaks'] else 'no'} | {ours} | {said} |")
out.write_text("\n".join(lines) + "\n")
print("\n".join(lines[11:18]))
