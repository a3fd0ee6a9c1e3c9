# Builds a tree with few words: sourced by scripts/demo and scripts/test.

# build_tree DIR [MESON ARGUMENT...] -- [TARGET...]: configures and builds.
# What the compiler says is shown only when it fails.
build_tree() {
    local dir=$1 arguments=() log
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        arguments+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    mkdir -p "$dir"
    log=$dir/build.log

    # meson takes ccache by itself where it is installed.
    if [ ! -f "$dir/build.ninja" ]; then
        echo "build: configuring $dir"
        meson setup "$dir" "${arguments[@]}" >"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            return 1
        }
    fi
    echo "build: building $dir"
    if [ -t 1 ]; then
        ninja -C "$dir" -j "$(nproc)" "$@"
        return
    fi
    # No terminal to overwrite a line on: one line for each quarter minute or so.
    NINJA_STATUS='[%f/%t] ' ninja -C "$dir" -j "$(nproc)" "$@" 2>&1 | tee "$log" |
        awk '/^\[[0-9]+\/[0-9]+\]/ { n++; if (n % 20 == 0) { print "build: " $1; fflush() } }'
    if [ "${PIPESTATUS[0]}" != 0 ]; then
        grep -vE '^\[[0-9]+/[0-9]+\] (Compiling|Linking|Generating)' "$log" | head -n 60 >&2
        return 1
    fi
}
