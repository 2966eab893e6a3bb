"""One kernel of SDXL by ONNX Runtime on the CPU, in f32: a model of one operation, made on the spot.
Prints the time of the first call and of those after it, as one line of JSON.

    onnx_kernels.py SECONDS linear ROWS INPUTS OUTPUTS
    onnx_kernels.py SECONDS conv3x3 INPUTS OUTPUTS SIDE
    onnx_kernels.py SECONDS attention|attention_composed HEADS QUERIES KEYS
    onnx_kernels.py SECONDS group_norm CHANNELS SIDE
"""

import json
import sys
import time

import numpy
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

MOST_CALLS, LEAST_CALLS = 50, 3
HEAD_DIM, GROUPS = 64, 32
random = numpy.random.default_rng(1)


def numbers(*shape):
    return random.uniform(-1, 1, shape).astype(numpy.float32)


def linear(rows, inputs, outputs):
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["y"]),
    ]
    return nodes, {"x": numbers(rows, inputs)}, {"weight": numbers(inputs, outputs), "bias": numbers(outputs)}


def conv3x3(inputs, outputs, side):
    nodes = [helper.make_node("Conv", ["x", "weight", "bias"], ["y"], pads=[1, 1, 1, 1])]
    return nodes, {"x": numbers(1, inputs, side, side)}, {"weight": numbers(outputs, inputs, 3, 3), "bias": numbers(outputs)}


def attention(heads, queries, keys):
    """The runtime's own operator."""
    node = helper.make_node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft", num_heads=heads)
    width = heads * HEAD_DIM
    return [node], {"q": numbers(1, queries, width), "k": numbers(1, keys, width), "v": numbers(1, keys, width)}, {}


def attention_composed(heads, queries, keys):
    """As exported networks have it."""
    nodes = [
        helper.make_node("MatMul", ["q", "k"], ["products"]),
        helper.make_node("Mul", ["products", "scale"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "v"], ["y"]),
    ]
    inputs = {
        "q": numbers(1, heads, queries, HEAD_DIM),
        "k": numbers(1, heads, HEAD_DIM, keys),
        "v": numbers(1, heads, keys, HEAD_DIM),
    }
    return nodes, inputs, {"scale": numpy.array(HEAD_DIM**-0.5, numpy.float32)}


def group_norm(channels, side):
    """With SiLU."""
    nodes = [
        helper.make_node("GroupNormalization", ["x", "scale", "shift"], ["norm"], num_groups=GROUPS, epsilon=1e-5),
        helper.make_node("Sigmoid", ["norm"], ["sigmoid"]),
        helper.make_node("Mul", ["norm", "sigmoid"], ["y"]),
    ]
    return nodes, {"x": numbers(1, channels, side, side)}, {"scale": numbers(channels), "shift": numbers(channels)}


KERNELS = {kernel.__name__: kernel for kernel in (linear, conv3x3, attention, attention_composed, group_norm)}


def session(nodes, inputs, weights):
    """On as many threads as the runtime takes by itself: one for each core."""
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in inputs.items()]
    graph = helper.make_graph(
        nodes,
        "kernel",
        shapes,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main():
    budget, kernel, *extents = sys.argv[1:]
    nodes, inputs, weights = KERNELS[kernel](*map(int, extents))
    ready = session(nodes, inputs, weights)
    first = timed(lambda: ready.run(["y"], inputs))
    start, calls = time.perf_counter(), []
    while len(calls) < LEAST_CALLS or len(calls) < MOST_CALLS and time.perf_counter() - start < float(budget):
        calls.append(timed(lambda: ready.run(["y"], inputs)))
    print(json.dumps({"first": first, "seconds": calls}))


if __name__ == "__main__":
    main()
