"""What all tests share: one thread for torch, as in a job, and no stop-watch for hypothesis."""

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_collection_modifyitems(items):
    """The longest first: whole studies, while another worker does all the rest."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)
