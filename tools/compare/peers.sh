# Builds and prepares the programs that Fulmen is compared with on the CPU. Sourced by `run`, which has say, warn and fail,
# and sets work, here, threads, size, steps, model and cores.

CPP=stable-diffusion-cpp-python
CPP_VERSION=0.4.7
CPP_SHA256=998d1957260dd5ae4e18a8acc0c14b0a8757aaa9f96515197b6d5bbf46df9282

# name | build | flags | why it does not count (empty: it counts).
# `default` is what its build page gives; `sgemm` is the same source with ggml's own
# matrix kernels for f16 and f32 switched on at build time (GGML_LLAMAFILE).
CPP_CONFIGS=(
    "default|default||"
    "sgemm|sgemm||"
    "sgemm, flash attention|sgemm|--fa|"
    "sgemm, bf16|sgemm|--type bf16|rounds the weights to bf16"
)
# name | GiB of memory it needs | flags
DIFFUSERS_CONFIGS=(
    "f32|14|--type f32"
    "f32, channels last|14|--type f32 --channels-last"
    "bf16|8|--type bf16"
    "bf16, channels last|8|--type bf16 --channels-last"
)
OPENVINO_CONFIGS=("f32|16|--type f32" "bf16|11|--type bf16")

# ---- stable-diffusion.cpp ------------------------------------------------------

get_cpp_source() {
    local venv=$work/venv requirement=$work/peer.txt
    export PATH=$venv/bin:$PATH
    if [ ! -x "$venv/bin/ninja" ] || [ ! -x "$venv/bin/cmake" ]; then
        say "Python environment with the peer's build tools: $venv"
        python3 -m venv "$venv" || fail "python3 -m venv failed (on Debian: install python3-venv)"
        pip install --quiet scikit-build-core cmake ninja || fail "pip could not install scikit-build-core, cmake and ninja"
    fi
    source_dir=$work/stable_diffusion_cpp_python-$CPP_VERSION/vendor/stable-diffusion.cpp
    [ ! -f "$work/.unpacked" ] || return 0
    say "Source package $CPP $CPP_VERSION"
    echo "$CPP==$CPP_VERSION --hash=sha256:$CPP_SHA256" >"$requirement"
    pip download --quiet --no-deps --no-binary :all: --no-build-isolation --require-hashes \
        --dest "$work" --requirement "$requirement" || fail "could not download $CPP $CPP_VERSION"
    tar -xzf "$work"/stable_diffusion_cpp_python-$CPP_VERSION.tar.gz -C "$work" || fail "could not unpack the package"
    [ -f "$source_dir/CMakeLists.txt" ] || fail "the package has no C++ source where it was expected"
    touch "$work/.unpacked"
}

# build_cpp NAME CMAKE_OPTION...: native instruction set, CPU only, release.
build_cpp() {
    local build=$work/peer-$cpu_key-$1 log=$work/build-$1.log
    shift
    [ -x "$build/bin/sd-cli" ] || say "Building stable-diffusion.cpp (${build##*/}); the log is $log"
    # Without the ceiling its build would take this repository's version for its own.
    if ! GIT_CEILING_DIRECTORIES=$work cmake -G Ninja -S "$source_dir" -B "$build" -DCMAKE_BUILD_TYPE=Release \
        -DGGML_NATIVE=ON -DSD_BUILD_EXAMPLES=ON -DSD_WEBP=OFF -DSD_WEBM=OFF "$@" >"$log" 2>&1 ||
        ! ninja -C "$build" -j "$(nproc)" sd-cli >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "stable-diffusion.cpp did not build; the whole log is $log"
    fi
}

prepare_cpp() {
    command -v "${CXX:-c++}" >/dev/null || fail "no C++ compiler (on Debian: install g++)"
    # A native build is good for one kind of CPU only.
    cpu_key=$(grep -m1 -E '^(flags|Features)' /proc/cpuinfo | cksum | cut -d ' ' -f 1)
    get_cpp_source
    build_cpp default
    build_cpp sgemm -DGGML_LLAMAFILE=ON
}

ggml_version() {
    sed -n 's/^set(GGML_VERSION_\(MAJOR\|MINOR\|PATCH\) \([0-9]*\))$/\2/p' "$source_dir/ggml/CMakeLists.txt" | paste -sd .
}

measure_cpp() {
    local entry name build flags not_counted
    for entry in "${CPP_CONFIGS[@]}"; do
        IFS='|' read -r name build flags not_counted <<<"$entry"
        # shellcheck disable=SC2086 # flags is a list of words
        measure stable-diffusion.cpp "$name" 9 "$not_counted" "$work/peer-$cpu_key-$build/bin/sd-cli" -m "$model" \
            -p "$PROMPT" -W "$size" -H "$size" --steps "$steps" --cfg-scale 1 --sampling-method euler -s "$SEED" \
            -t "${threads:-$cores}" -v -o "$runs/peer.png" $flags
    done
}

# ---- diffusers and OpenVINO ----------------------------------------------------

prepare_python() {
    export PYTHONPATH=$here:$here/peers PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1
    [ -z "$python" ] || return 0
    python=$work/python/bin/python
    [ ! -f "$work/.python" ] || return 0
    say "Python environment of the peers (several GB): $work/python"
    python3 -m venv "$work/python" || fail "python3 -m venv failed (on Debian: install python3-venv)"
    "$python" -m pip install --quiet --requirement "$here/peers.txt" || fail "pip could not install what peers.txt names"
    touch "$work/.python"
}

measure_diffusers() {
    local entry name need flags
    for entry in "${DIFFUSERS_CONFIGS[@]}"; do
        IFS='|' read -r name need flags <<<"$entry"
        # shellcheck disable=SC2086
        measure diffusers "$name" "$need" "" "$python" "$here/peers/diffusers_cpu.py" --model "$model" \
            --size "$size" --steps "$steps" --threads "${threads:-$cores}" $flags
    done
}

# Converted once for a checkpoint; the mark is written when both networks are whole.
prepare_openvino() {
    networks=$work/openvino-$(basename "$model" .safetensors)-$(stat -Lc %s "$model")
    [ ! -f "$networks/unet.xml" ] || return 0
    has_memory 13 || { warn "converting for OpenVINO needs 13 GiB of free memory: it is left out"; networks=""; return 0; }
    say "Converting for OpenVINO (once: 8 minutes, 12 GiB of memory, 5 GB of disk)"
    "$python" "$here/peers/openvino_convert.py" --model "$model" --out "$networks" >&2 || fail "the conversion failed"
}

measure_openvino() {
    local entry name need flags
    [ -n "$networks" ] || return 0
    for entry in "${OPENVINO_CONFIGS[@]}"; do
        IFS='|' read -r name need flags <<<"$entry"
        # shellcheck disable=SC2086
        measure OpenVINO "$name" "$need" "" "$python" "$here/peers/openvino_cpu.py" --networks "$networks" \
            --size "$size" --steps "$steps" --threads "${threads:-$cores}" $flags
    done
}
