"""Settings of the reference's property tests: the same examples every time, one thread."""

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "reference",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be busy
)
settings.load_profile("reference")


@pytest.fixture(autouse=True)
def _one_thread_and_one_seed():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)
