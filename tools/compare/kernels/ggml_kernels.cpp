// One kernel of SDXL by ggml's Vulkan backend, as stable-diffusion.cpp calls it: weights in halves, activations in f32.
// Prints the time of the first call and of those after it, as one line of JSON, and checks one value of the result.
//
//     ggml_kernels SECONDS linear ROWS INPUTS OUTPUTS
//     ggml_kernels SECONDS conv3x3|conv3x3_im2col INPUTS OUTPUTS SIDE
//     ggml_kernels SECONDS attention HEADS QUERIES KEYS
//     ggml_kernels SECONDS group_norm CHANNELS SIDE

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-vulkan.h"
#include "ggml.h"

using Numbers = std::vector<int64_t>;

[[noreturn]] static void fail(const std::string &what) {
    fprintf(stderr, "ggml_kernels: %s\n", what.c_str());
    exit(1);
}

static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A tensor with the random numbers that it is given, kept here to check results against.
struct Input {
    ggml_tensor *tensor;
    std::vector<float> values;
};

struct Bench {
    ggml_context *context;
    std::vector<Input> inputs;

    ggml_tensor *input(ggml_type type, Numbers extents) {
        extents.resize(4, 1);
        auto *tensor = ggml_new_tensor_4d(context, type, extents[0], extents[1], extents[2], extents[3]);
        inputs.push_back({tensor, {}});
        return tensor;
    }

    // Rounded to halves in any case, so that the check sees what the kernel sees.
    void fill() {
        std::mt19937 random(1);
        std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
        for (auto &[tensor, values] : inputs) {
            std::vector<ggml_fp16_t> halves(ggml_nelements(tensor));
            values.resize(halves.size());
            for (size_t i = 0; i < halves.size(); i++) {
                halves[i] = ggml_fp32_to_fp16(uniform(random));
                values[i] = ggml_fp16_to_fp32(halves[i]);
            }
            const void *data = tensor->type == GGML_TYPE_F16 ? (void *)halves.data() : (void *)values.data();
            ggml_backend_tensor_set(tensor, data, 0, ggml_nbytes(tensor));
        }
    }
};

// What is computed, and what the value at place 0 must be (`NAN`: not checked).
struct Node {
    ggml_tensor *out;
    std::function<double(const std::vector<Input> &)> first_value;
};

static Node linear(Bench &bench, const Numbers &n) {
    const int64_t rows = n[0], inputs = n[1], outputs = n[2];
    auto *weight = bench.input(GGML_TYPE_F16, {inputs, outputs});
    auto *x = bench.input(GGML_TYPE_F32, {inputs, rows});
    return {ggml_mul_mat(bench.context, weight, x), [=](const std::vector<Input> &given) {
                double sum = 0;
                for (int64_t i = 0; i < inputs; i++) sum += (double)given[0].values[i] * given[1].values[i];
                return sum;
            }};
}

static Node conv3x3(Bench &bench, const Numbers &n, bool direct) {
    const int64_t inputs = n[0], outputs = n[1], side = n[2];
    auto *weight = bench.input(GGML_TYPE_F16, {3, 3, inputs, outputs});
    auto *x = bench.input(GGML_TYPE_F32, {side, side, inputs, 1});
    auto *out = direct ? ggml_conv_2d_direct(bench.context, weight, x, 1, 1, 1, 1, 1, 1)
                       : ggml_conv_2d(bench.context, weight, x, 1, 1, 1, 1, 1, 1);
    return {out, [=](const std::vector<Input> &given) {
                double sum = 0;
                for (int64_t c = 0; c < inputs; c++)
                    for (int64_t y = 0; y < 2; y++)
                        for (int64_t x = 0; x < 2; x++)
                            sum += (double)given[0].values[(c * 3 + y + 1) * 3 + x + 1] *
                                   given[1].values[(c * side + y) * side + x];
                return sum;
            }};
}

static Node attention(Bench &bench, const Numbers &n) {
    const int64_t heads = n[0], queries = n[1], keys = n[2], channels = 64;
    auto *q = bench.input(GGML_TYPE_F32, {channels, queries, heads});
    auto *k = bench.input(GGML_TYPE_F16, {channels, keys, heads});
    auto *v = bench.input(GGML_TYPE_F16, {channels, keys, heads});
    auto *out = ggml_flash_attn_ext(bench.context, q, k, v, nullptr, 0.125f, 0.0f, 0.0f);
    ggml_flash_attn_ext_set_prec(out, GGML_PREC_F32);
    return {out, [=](const std::vector<Input> &given) {
                double weighted = 0, whole = 0;
                for (int64_t key = 0; key < keys; key++) {
                    double score = 0;
                    for (int64_t c = 0; c < channels; c++)
                        score += (double)given[0].values[c] * given[1].values[key * channels + c];
                    const double share = std::exp(0.125 * score);
                    whole += share;
                    weighted += share * given[2].values[key * channels];
                }
                return weighted / whole;
            }};
}

// With scale, shift and SiLU, as three operations more.
static Node group_norm(Bench &bench, const Numbers &n) {
    const int64_t channels = n[0], side = n[1];
    auto *x = bench.input(GGML_TYPE_F32, {side, side, channels, 1});
    auto *scale = bench.input(GGML_TYPE_F32, {1, 1, channels, 1});
    auto *shift = bench.input(GGML_TYPE_F32, {1, 1, channels, 1});
    auto *y = ggml_group_norm(bench.context, x, 32, 1e-5f);
    y = ggml_add(bench.context, ggml_mul(bench.context, y, scale), shift);
    return {ggml_silu(bench.context, y), [](const std::vector<Input> &) { return (double)NAN; }};
}

static Node node(Bench &bench, const std::string &kernel, const Numbers &n) {
    if (kernel == "linear" && n.size() == 3) return linear(bench, n);
    if (kernel == "conv3x3" && n.size() == 3) return conv3x3(bench, n, true);
    if (kernel == "conv3x3_im2col" && n.size() == 3) return conv3x3(bench, n, false);
    if (kernel == "attention" && n.size() == 3) return attention(bench, n);
    if (kernel == "group_norm" && n.size() == 2) return group_norm(bench, n);
    fail("usage: ggml_kernels SECONDS linear|conv3x3|conv3x3_im2col|attention|group_norm NUMBERS...");
}

static void check(const Node &node, const std::vector<Input> &inputs) {
    const double wanted = node.first_value(inputs);
    float is = 0;
    ggml_backend_tensor_get(node.out, &is, 0, sizeof is);
    if (std::isnan(wanted) && std::isfinite(is)) return;
    // Products may be summed in halves.
    if (!(std::abs(is - wanted) <= 0.02 * std::max(1.0, std::abs(wanted))))
        fail("the first value is " + std::to_string(is) + ", not " + std::to_string(wanted));
}

int main(int count, char **arguments) {
    if (count < 4) fail("usage: ggml_kernels SECONDS KERNEL NUMBERS...");
    const double seconds = atof(arguments[1]);
    Numbers numbers;
    for (int i = 3; i < count; i++) numbers.push_back(atoll(arguments[i]));

    auto *backend = ggml_backend_vk_init(0);
    if (!backend) fail("ggml found no Vulkan device (GGML_VK_VISIBLE_DEVICES=0 lets it use a software one)");
    Bench bench{ggml_init({ggml_tensor_overhead() * 64 + ggml_graph_overhead(), nullptr, true}), {}};
    const Node made = node(bench, arguments[2], numbers);
    auto *graph = ggml_new_graph(bench.context);
    ggml_build_forward_expand(graph, made.out);
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++)
        if (!ggml_backend_supports_op(backend, ggml_graph_node(graph, i))) fail("the backend has no such kernel");
    if (!ggml_backend_alloc_ctx_tensors(bench.context, backend)) fail("there is not enough memory");
    bench.fill();

    std::vector<double> calls;
    const auto call = [&] {
        const double start = now();
        if (ggml_backend_graph_compute(backend, graph) != GGML_STATUS_SUCCESS) fail("the call failed");
        return now() - start;
    };
    const double first = call();
    check(made, bench.inputs);
    const double start = now();
    while (calls.size() < 3 || (calls.size() < 50 && now() - start < seconds)) calls.push_back(call());
    printf("{\"first\": %g, \"seconds\": [", first);
    for (size_t i = 0; i < calls.size(); i++) printf("%s%g", i ? ", " : "", calls[i]);
    printf("]}\n");
}
