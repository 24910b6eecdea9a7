"""Ctrl-C on the command that judges claims: no traceback, and what is judged is kept."""

import json
import signal
import subprocess
import sys

import pytest

# Two real claims; the second takes as long as it is let. Each judgement is announced.
PROGRAM = """
import signal, sys, time
from catapult_sim import claims, cli
from catapult_sim.claims import verdict

signal.signal(signal.SIGINT, signal.default_int_handler)
_, slow = claims.select(["catapult.threshold"])
object.__setattr__(slow, "measure", lambda bench: time.sleep(600))
object.__setattr__(slow, "cost", 0.0)
judge_all = verdict.judge_all

def announced(chosen, bench, on_judged):
    return judge_all(chosen, bench, lambda one: (on_judged(one), print(one.claim.id, flush=True)))

verdict.judge_all = announced
sys.exit(cli.main(["verify", "--claims", "catapult.threshold", "--out", sys.argv[1]]))
"""


@pytest.fixture
def stopped(tmp_path):
    """Run the command until a first claim is judged, and send it a signal."""

    def run(number):
        arguments = [sys.executable, "-c", PROGRAM, str(tmp_path)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(arguments, **pipes) as process:
            judged = process.stdout.readline().strip()
            process.send_signal(number)
            try:
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()
        return process.returncode, judged, said

    return run


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_stopped_verification_keeps_what_it_has_judged(stopped, tmp_path, number, status, word):
    returned, judged, said = stopped(number)
    assert returned == status
    assert "Traceback" not in said
    assert f"catapult-sim verify: {word}; 1 of 2 claims are in the report in {tmp_path}" in said
    report = json.loads((tmp_path / "report.json").read_text())
    assert [claim["id"] for claim in report["claims"]] == [judged]
    assert judged in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "config.json").read_text())["options"]["claims"]
