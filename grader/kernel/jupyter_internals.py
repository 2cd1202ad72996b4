"""Uses of nbclient and jupyter_client beyond their public interfaces.

Covered by `tests/test_third_party_internals.py`. Not here: what the two are used for
(`execution.py`, `client.py`).
"""

from __future__ import annotations

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient


class PatientNotebookClient(NotebookClient):
    """nbclient that ignores the content of replies, and whose wait can be ended."""

    async def _check_raise_for_error(self, *_: object) -> None:
        """Do nothing: the notebook goes on past errors, and a reply may hold anything.

        `allow_errors` is not enough: with it, nbclient still expects a status in the reply.
        """

    def stop_waiting(self) -> None:
        """End the wait for the reply of the running cell; `async_execute_cell` then raises.

        nbclient raises `DeadKernelError`, which it also does by itself, up to a second later.
        """
        if self.task_poll_for_reply is not None:
            self.task_poll_for_reply.cancel()


class ManagerWithoutControl(AsyncKernelManager):
    """Jupyter's manager without a socket for control messages: its kernel is ended by a signal."""

    def _connect_control_socket(self) -> None:
        """Connect nothing."""
