"""What all tests share: one thread for torch, as in a job, and a study that has run."""

import torch

torch.set_num_threads(1)
