import subprocess
import sys
import time

from archwright.run.clock import Clock


def test_a_clock_counts_from_now() -> None:
    clock = Clock.starting_now()
    time.sleep(0.02)
    assert 0.02 <= clock.now() < 5.0


def test_a_clock_of_the_process_counts_from_before_the_first_import() -> None:
    code = (
        "import time; time.sleep(0.3); from archwright.run.clock import Clock; "
        "import sys; sys.stdout.write(str(Clock.process_start().now()))"
    )
    started_s = time.monotonic()
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    # The kernel counts starts in hundredths of a second.
    assert 0.3 <= float(told) <= time.monotonic() - started_s + 0.02


def test_at_least_sets_forward_and_never_back() -> None:
    clock = Clock.starting_now()
    assert clock.at_least(100.0).now() >= 100.0
    assert clock.at_least(-1.0) == clock
