"""Shape and honesty of what a real model's discussion left behind; never its meaning."""

import csv
import json
import pathlib
import sys

folder, status = pathlib.Path(sys.argv[1]), int(sys.argv[2])
rows = {name: list(csv.DictReader(open(folder / f"{name}.csv", encoding="utf-8")))
        for name in ("jobs", "turns", "votes", "tallies", "calls")}
assert len(rows["jobs"]) == 2, "two pictures are two rows"
assert status in (0, 1), f"exit {status}: done, or some jobs dead"

for job in rows["jobs"]:
    if job["state"] == "dead":
        assert job["error_code"], "a dead job says why"
        continue
    path = next(folder.glob(f"{int(job['index']):06}-*/discussion.json"))
    discussion = json.loads(path.read_text(encoding="utf-8"))
    assert discussion["description"].strip(), "a finished discussion has a description"
    complete = discussion["completeness"]
    assert complete["obtained"] <= complete["expected"]
    assert complete["expected"] - complete["obtained"] <= len(complete["missing"])

for turn in rows["turns"]:
    spoken = turn["status"] in ("spoken", "truncated")
    assert spoken == bool(turn["text"].strip()), "text is there exactly where somebody spoke"
for vote in rows["votes"]:
    if vote["status"] == "abstained":
        assert not vote["approved"] and not vote["rank"], "an abstention holds no vote"
for tally in rows["tallies"]:
    assert int(tally["ballots_valid"]) <= int(tally["seats"])

models = {call["model_used"] for call in rows["calls"] if call["outcome"] == "answered"}
counts = {name: len(found) for name, found in rows.items()}
print(f"real engine: {counts}, models used {sorted(models)}, exit {status}: shape and honesty hold")
