"""Parts made on a cluster of `dask.distributed`: each a task of its own, tried again elsewhere.

The scheduler places tasks, and runs them again when a worker dies. Here it is only said what a
task is, what is done about one that does not come back, and in which words a night ends.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dask
import distributed
from distributed import Client, Future, LocalCluster, Security, get_worker
from distributed.scheduler import KilledWorker

from flows.night.part import Means, PartOrder, expect_same_program, make_part
from flows.store import expect_digests
from transforms.errors import MachineDeniedError, WuxingError

CONNECT_SECONDS, RESTART_SECONDS, POLL_SECONDS = 30.0, 60.0, 1.0
# How often a part is tried, each time elsewhere if there is an elsewhere; and how often all
# workers that hang are started again.
TRIES = 3
# How long no part may come back: at first, and then so many times what the longest took.
FIRST_SECONDS, LEAST_SECONDS, TIMES_LONGEST = 3600.0, 60.0, 10
# Of a worker's memory, for the database; the rest is Python's.
MEMORY_PERCENT = 60
HERE = "the local cluster"
NO_PAGES: dict[str, list[str]] = {
    f"distributed.{who}.http.routes": [] for who in ("scheduler", "worker", "nanny")
}


@dataclass(frozen=True)
class Told:
    """What a worker says of a part: who it is, how long it took, what went wrong."""

    worker: str
    seconds: float
    fault: str = ""
    refusal: WuxingError | None = None


def make_in_cluster(
    address: str, orders: Sequence[PartOrder], means: Means, tell: Callable[[str], None]
) -> None:
    """Make parts on the workers of a scheduler; without an address, in processes of this machine.

    A part takes one thread and its share of the worker's memory, unless told otherwise.

    Raises:  MachineDeniedError if there is no scheduler or it is lost, if a part fails or hangs
             wherever it is tried; UsageError for a worker with another program; DigestDiffersError
             for one that sees other files
    """
    with _connected(address) as client:
        night = _Night(client, address or HERE, means, tell, len(orders))
        try:
            for order in orders:
                night.submit(order)
            night.wait()
        except OSError as lost:
            raise night.lost() from lost


@dataclass
class _Night:
    """The parts of one night that are under way."""

    client: Client
    where: str
    means: Means
    tell: Callable[[str], None]
    count: int
    under_way: dict[Future[Told], PartOrder] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)
    restarts: int = 0
    longest: float = 0.0
    last_news: float = field(default_factory=time.monotonic)

    def submit(self, order: PartOrder, not_on: str = "") -> None:
        """Ask for a part, and not where it failed unless there is nowhere else."""
        tried = self.tries[order.number] = self.tries.get(order.number, 0) + 1
        others = [worker for worker in self._workers() if worker != not_on] if not_on else []
        future = self.client.submit(
            make_on_worker,
            order,
            self.means,
            key=f"{order.folder.name}-{order.number:02d}-{tried}",
            workers=others or None,
            allow_other_workers=bool(others),
        )
        self.under_way[future] = order

    def wait(self) -> None:
        """Take parts as they come back."""
        while self.under_way:
            with suppress(TimeoutError, CancelledError):
                distributed.wait(list(self.under_way), POLL_SECONDS, "FIRST_COMPLETED")
            ended = [future for future in self.under_way if future.status != "pending"]
            if self.client.status != "running" or any(future.cancelled() for future in ended):
                raise self.lost()
            for future in ended:
                self._take(future)
            if ended:
                self.last_news = time.monotonic()
            else:
                self._look_after(time.monotonic() - self.last_news)

    def lost(self) -> MachineDeniedError:
        """Say that the scheduler is gone."""
        return MachineDeniedError(
            f"the scheduler at {self.where} was lost; the parts that were made are kept: start the "
            "night again when it is back"
        )

    def _workers(self) -> list[str]:
        return list(self.client.scheduler_info()["workers"])

    def _take(self, future: Future[Told]) -> None:
        order = self.under_way.pop(future)
        told = _told_by(future)
        self.longest = max(self.longest, told.seconds)
        if told.refusal:
            raise told.refusal
        if not told.fault:
            return self.tell(f"part {order.number + 1} of {self.count}")
        if self.tries[order.number] >= TRIES:
            raise MachineDeniedError(
                f"part {order.number + 1} of {self.count} failed {TRIES} times, last on worker "
                f"{told.worker} ({told.fault}): give the workers more memory, or cut the night "
                "into more parts"
            )
        self.submit(order, not_on=told.worker)

    def _look_after(self, silent: float) -> None:
        """Do something about it when no part comes back for long."""
        if silent > CONNECT_SECONDS and not self._workers():
            raise MachineDeniedError(f"the scheduler at {self.where} has no worker: start some")
        patience = (
            max(LEAST_SECONDS, TIMES_LONGEST * self.longest) if self.longest else FIRST_SECONDS
        )
        if silent < patience:
            return
        self.restarts += 1
        keys = {future.key for future in self.under_way}
        busy = [name for name, doing in self.client.processing().items() if keys & set(doing)]
        hanging = MachineDeniedError(
            f"no part came back from worker {', '.join(busy)} for {round(silent)} seconds: look "
            "what it does, end it, and start the night again"
        )
        if self.restarts > TRIES:
            raise hanging
        try:
            self.client.restart_workers(busy, timeout=RESTART_SECONDS, raise_for_error=False)
        except ValueError as no_nanny:
            raise hanging from no_nanny
        self.last_news = time.monotonic()


def _told_by(future: Future[Told]) -> Told:
    """Return what came of a part; whose workers died one after the other says so itself."""
    if future.status != "error":
        return future.result(timeout=CONNECT_SECONDS)
    fault = future.exception(timeout=CONNECT_SECONDS)
    worker = fault.last_worker.address if isinstance(fault, KilledWorker) else ""
    return Told(worker, 0.0, type(fault).__name__)


def make_on_worker(order: PartOrder, means: Means) -> Told:
    """Make a part on this worker, if it has the same program and sees the same files."""
    worker, started = get_worker(), time.monotonic()
    try:
        expect_same_program(order.program, f"{worker.name} ({worker.address})")
        expect_digests(order.digests.items())
        limit, at_once = worker.memory_manager.memory_limit, worker.state.nthreads
        share = f"{limit * MEMORY_PERCENT // 100 // at_once // 2**20}MiB" if limit else None
        most, place = means.memory_limit or share, Path(worker.local_directory)
        make_part(order, Means(means.threads or 1, most, place))
    except WuxingError as refusal:
        return Told(worker.address, time.monotonic() - started, refusal=refusal)
    except Exception as fault:
        # Its words may hold what stands in a row: the log of the worker has them.
        logging.getLogger(__name__).exception(order.target.name)
        return Told(worker.address, time.monotonic() - started, type(fault).__name__)
    return Told(worker.address, time.monotonic() - started)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Connect to a scheduler and its workers, or start processes here, for one night.

    Raises:  MachineDeniedError if nobody answers, or no worker comes
    """
    # What becomes of a night is said in our words, and only there.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if not address:
        # Whoever may talk to a scheduler may run programs as its user: on this machine, only we.
        cores = os.cpu_count() or 1
        with (
            dask.config.set(NO_PAGES),
            LocalCluster(
                n_workers=cores,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                protocol="tls://",
                security=Security.temporary(),
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as nobody:
        raise MachineDeniedError(
            f"no scheduler answers at {address}: start it, or give the address it names"
        ) from nobody
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as nobody:
            raise MachineDeniedError(
                f"the scheduler at {address} has no worker: start some"
            ) from nobody
        yield client
