"""The median time of one call: by the device's own clock on a GPU, by the wall clock on a CPU."""

import statistics
import time

import torch

WARM_UP = 3
LEAST_SAMPLES, MOST_SAMPLES = 5, 50
# A call that takes less than this is repeated within one sample, so that launching it does not count.
SHORT_SECONDS = 500e-6
MOST_REPEATS = 50


def wait(device):
    """Until the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def once(call, device):
    """Seconds of one call by the wall clock, waited for."""
    wait(device)
    start = time.perf_counter()
    call()
    wait(device)
    return time.perf_counter() - start


def captured(call, repeats):
    """A CUDA graph of `repeats` calls: one launch, no Python between kernels."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeats):
            call()
    return graph


def by_events(call, samples):
    """Seconds of each of `samples` calls, between two events on the device."""
    pairs = []
    for _ in range(samples):
        pair = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        pair[0].record()
        call()
        pair[1].record()
        pairs.append(pair)
    torch.cuda.synchronize()
    return [before.elapsed_time(after) / 1000 for before, after in pairs]


def median(call, device, seconds, graph=False):
    """The median seconds of `call`, measured for about `seconds`.

    With `graph` the calls run from a CUDA graph, which leaves the time of the kernels alone.
    """
    for _ in range(WARM_UP):
        call()
    estimate = once(call, device)
    repeats = 1
    if device == "cuda" and graph:
        repeats = max(1, min(MOST_REPEATS, int(SHORT_SECONDS / max(estimate, 1e-6)) + 1))
        run = captured(call, repeats).replay
        run()
        estimate = once(run, device)
    else:
        run = call
    samples = max(LEAST_SAMPLES, min(MOST_SAMPLES, int(seconds / max(estimate, 1e-6))))
    if device == "cuda":
        times = by_events(run, samples)
    else:
        times = [once(run, device) for _ in range(samples)]
    return statistics.median(times) / repeats
