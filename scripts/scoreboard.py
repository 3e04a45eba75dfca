"""Asks the peer about the exported pairs, through its library in one process, and keeps what it says."""

import json
import logging
import pathlib
import sys

from datacontract.data_contract import DataContract

folder, peer, out = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
logging.disable(logging.CRITICAL)


def breaking(pair):
    """Whether the peer calls the pair breaking; None where its format cannot express it."""
    if not pair["files"]:
        return None
    for name in pair["files"]:
        old, new = (folder / pair["pair"] / side / name for side in ("old", "new"))
        if not new.exists():
            return None
        if DataContract(data_contract_file=str(old)).breaking(DataContract(data_contract_file=str(new))).is_breaking:
            return True
    return False


words = {None: "not expressible", True: "breaking", False: "not breaking"}
pairs = json.loads((folder / "index.json").read_text())
verdicts = {pair["title"]: words[breaking(pair)] for pair in pairs}
out.write_text(json.dumps({"tool": peer, "verdicts": verdicts}, indent=1, sort_keys=True) + "\n")
print(f"scoreboard: asked {peer} about {len(verdicts)} pairs", file=sys.stderr)
