"""The 1.0 edition's `Trainer`, within the budget that the grader set.

Here: the loop. Not here: what a step does (`_modules.py`), how a budget is kept (`_budget.py`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import _devices
from ._budget import Budget
from ._hyperparameters import HyperParameters
from ._modules import Module


class Trainer(HyperParameters):
    """Trains a `Module` on a `DataModule` for up to `max_epochs` epochs.

    A fit may end early, and an epoch holds fewer batches than the data: the budget is shared out
    among the epochs, each of which has a batch at least. It binds the loaders, so that a notebook
    which replaces `fit_epoch` or `prepare_data` is bound as well.

    Args:
        max_epochs: epochs asked for.
        num_gpus: GPUs wanted; those that do not exist are not used.
        gradient_clip_val: largest norm of all gradients together; 0 for no limit.
    """

    max_epochs: int
    gradient_clip_val: float

    def __init__(self, max_epochs: int, num_gpus: int = 0, gradient_clip_val: float = 0) -> None:
        self.save_hyperparameters()
        self.gpus = [_devices.gpu(i) for i in range(min(num_gpus, _devices.num_gpus()))]

    def prepare_data(self, data: Any) -> None:
        """Take both loaders from the data."""
        self.train_dataloader: Any = data.train_dataloader()
        self.val_dataloader: Any = data.val_dataloader()
        self._count_batches()

    def prepare_model(self, model: Module) -> None:
        """Introduce model and trainer to each other."""
        model.trainer = self
        model.board.xlim = [0, self.max_epochs]
        if self.gpus:
            model.to(self.gpus[0])
        self.model = model

    def fit(self, model: Module, data: Any) -> None:
        """Train `model`, and leave it in evaluation mode where there is validation data."""
        self.prepare_data(data)
        self.prepare_model(model)
        self.optim = model.configure_optimizers()
        self.epoch = self.train_batch_idx = self.val_batch_idx = 0
        whole = self.train_dataloader, self.val_dataloader
        budget = Budget(self.max_epochs)
        self.train_dataloader = budget.training(whole[0])
        if whole[1] is not None:
            self.val_dataloader = budget.validation(whole[1])
        self._count_batches()
        try:
            for epoch in range(self.max_epochs):
                self.epoch = epoch
                self.fit_epoch()
                if budget.spent:
                    break
        finally:
            self.train_dataloader, self.val_dataloader = whole
            self._count_batches()

    def fit_epoch(self) -> None:
        """Train on the batches of one epoch, then validate."""
        self.model.train()
        for batch in self.train_dataloader:
            loss = self.model.training_step(self.prepare_batch(batch))
            self.optim.zero_grad()
            with torch.no_grad():
                loss.backward()  # type: ignore[no-untyped-call]
                if self.gradient_clip_val > 0:
                    self.clip_gradients(self.gradient_clip_val, self.model)
                self.optim.step()
            self.train_batch_idx += 1
        if self.val_dataloader is None:
            return
        self.model.eval()
        for batch in self.val_dataloader:
            with torch.no_grad():
                self.model.validation_step(self.prepare_batch(batch))
            self.val_batch_idx += 1

    def prepare_batch(self, batch: Any) -> Any:
        """Move a batch to the first GPU in use."""
        return [x.to(self.gpus[0]) for x in batch] if self.gpus else batch

    def clip_gradients(self, grad_clip_val: float, model: Module) -> None:
        """Scale all gradients down so that their norm is at most `grad_clip_val`."""
        gradients: list[Tensor] = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.sqrt(sum((g**2).sum() for g in gradients))  # type: ignore[arg-type]
        if norm > grad_clip_val:
            for gradient in gradients:
                gradient *= grad_clip_val / norm  # noqa: PLW2901  in place is the point

    def _count_batches(self) -> None:
        self.num_train_batches = len(self.train_dataloader)
        self.num_val_batches = 0 if self.val_dataloader is None else len(self.val_dataloader)
