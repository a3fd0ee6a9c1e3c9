#!/usr/bin/env python3
"""Plants faults in copies of the core and demands that the simulation catches each of them.

Usage: mutants.py --core DIR --sim DIR --golden FILE --compiler CXX [--jobs N] [--seeds N] [NAME]...
A fault is one exact replacement of text; where the text is not there exactly once, the mutant is
out of date and the run fails. The untouched core must pass by the same commands.
"""
import argparse
import concurrent.futures
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

FLAGS = ['-std=c++20', '-O1', '-g0']

# name, file, text that is there exactly once, what replaces it
MUTANTS = [
    ('a waiting state without a deadline', 'worker_queue.cpp',
     'enter(context, State::draining, reason, context.now + grace);',
     'enter(context, State::draining, reason, Time::max());'),
    ('a spawn while stopping', 'pool.cpp',
     'void Pool::freeze(Time now, Output& out) {\n    frozen_ = true;',
     'void Pool::freeze(Time now, Output& out) {'),
    ('KILL before the grace is over', 'worker_queue.cpp',
     'const Duration grace = context.policy.graceful_timeout;',
     'const Duration grace = context.policy.graceful_timeout / 2;'),
    ('the old worker drained before its successor is ready', 'pool.cpp',
     'if (!slot.successor || slot.successor->state() != State::serving) return;',
     'if (!slot.successor || !has_process(slot.successor->state())) return;'),
    ('a back-off that never resets', 'worker.cpp',
     '    was_stable_ = true;\n    failures_ = 0;',
     '    was_stable_ = true;'),
    ('a stale beat that revives a dead incarnation', 'pool.cpp',
     'if (worker.incarnation() == incarnation && has_process(worker.state())) found = &worker;',
     'if (has_process(worker.state())) found = &worker;'),
    ('an absence of reeve held against the workers', 'supervisor.cpp',
     'for (Pool& pool : pools_) pool.forgive(late, now);',
     'for (Pool& pool : pools_) (void)pool;'),
    ('start_concurrency ignored', 'pool.cpp',
     'return policy_.start_concurrency == 0 || starting() < policy_.start_concurrency;',
     'return true;'),
    ('more successors than max_surge', 'pool.cpp',
     'if (surge_used() < max_surge()) {',
     'if (surge_used() < max_surge() + 1) {'),
    ('a grace that is over and no KILL', 'worker_queue.cpp',
     'if (context.now >= *deadline_) return begin_kill(context, reason_);',
     'if (context.now >= *deadline_) deadline_ = context.now + context.policy.graceful_timeout;'),
    ('the successor not awaited for ready_for', 'pool.cpp',
     'if (now - slot.successor->ready_at() < hold_of(*slot.successor)) return;',
     ''),
    ('a back-off that grows without a cap', 'restart_policy.cpp',
     'delay = std::min(delay, policy.backoff_max);',
     'delay = delay * 2;'),
    ('a silent worker that is never found', 'worker_watch.cpp',
     'if (context.now - stream.last_sign >= context.policy.timeout) {',
     'if (context.now - stream.last_sign >= context.policy.timeout * 1000) {'),
    ('a stop that relaxes', 'supervisor.cpp',
     'mode = std::max(mode, next);',
     'mode = std::min(mode, next);'),
    ('an exit that does not annul a Ready', 'supervisor.cpp',
     'operator()(const Exited&) const noexcept { return 3; }',
     'operator()(const Exited&) const noexcept { return 5; }'),
    ('a jitter that is always the same', 'jitter.cpp',
     'return bits % (range + 1);',
     'return bits - bits;'),
    ('one more unavailable than max_unavailable', 'pool.cpp',
     'ready()} + max_unavailable() > wanted()',
     'ready()} + max_unavailable() >= wanted()'),
    ('a remembered deadline that goes stale', 'pool.cpp',
     '    touch(slot);\n    return Context',
     '    return Context'),
    ('failing successors that do not wait', 'worker.cpp',
     'asked ? counts_as_failure() : !was_stable_;',
     'counts_as_failure();'),
    ('no back-off at all', 'restart_policy.cpp',
     'if (failures <= 1)',
     'if (failures <= 1000)'),
    ('reeve gone before its workers', 'supervisor.cpp',
     'if (phase_ == StopPhase::running || processes() != 0) return;',
     'if (phase_ == StopPhase::running) return;'),
    ('a beat in the last moment that does not count', 'worker_watch.cpp',
     'if (silence < context.policy.timeout) return;',
     ''),
    ('a crashed worker that is not replaced', 'pool.cpp',
     'const bool vacant = !slot.off && slot.current.state() == State::down;',
     'const bool vacant = !slot.off && slot.current.state() == State::down && '
     '!slot.current.failures();'),
    ('two singletons at once', 'pool.cpp',
     'if (vacant && (!is_alone() || !others_alive(slot.generation))) {',
     'if (vacant) {'),
    ('a singleton that changes like others', 'pool_view.cpp',
     'return is_alone() ? 0 : policy_.max_surge;',
     'return policy_.max_surge;'),
    ('a failed reload that nobody notices', 'supervisor_reload.cpp',
     'if (const auto failure = pools_[number(index)].change_failure(out)) {',
     'if (const auto failure = pools_[number(index)].change_failure(out); failure && !failure) {'),
    ('a way back that leaves the new ones', 'pool_change.cpp',
     'const Generation target = changeover_->back ? changeover_->from : changeover_->to;\n'
     '    // Those',
     'const Generation target = changeover_->to;\n    // Those'),
    ('a generation ended while it is in use', 'pool_change.cpp',
     'if (!used) out.actions.push_back(EndGeneration{index_, edition.generation});\n'
     '        return !used;',
     'out.actions.push_back(EndGeneration{index_, edition.generation});\n        return true;'),
    ('workers in a pool that is stopped', 'pool_change.cpp',
     'const bool wanted = !held_ && !slot.held && number(index) < wanted_;',
     'const bool wanted = !slot.held && number(index) < wanted_;'),
    ('a start that does not wait for before_start', 'supervisor_reload.cpp',
     'if (!pool.next_policy().has_before_start) {',
     'if (!pool.next_policy().has_before_start || blocked == false) {'),
    ('a command that is never answered', 'supervisor_change.cpp',
     '        out.actions.emplace_back(std::move(*reply));\n',
     ''),
    ('told to leave while connections wait for it', 'worker_queue.cpp',
     'if (event.waiting != 0) return empty_since_.reset();',
     ''),
    ('two workers on one socket', 'pool.cpp',
     'generation, reason, other(slot.side));',
     'generation, reason, slot.side);'),
    ('a successor beside one who drains there', 'pool_steer.cpp',
     'if (!steers()) return true;',
     'return true;'),
    ('new connections for who is to leave', 'pool_steer.cpp',
     'if (slot.successor && slot.successor->state() == State::serving) {',
     'if (slot.successor && slot.successor->state() == State::failed) {'),
    ('a queue that is left behind', 'pool_steer.cpp',
     'if ((slot.owned & ~owned) != 0) {',
     'if ((slot.owned & ~owned) == 7) {'),
    ('a worker that stands still and is never found', 'worker_queue.cpp',
     'if (silence < policy.timeout) return;',
     'if (silence < policy.timeout * 1000) return;'),
    ('a busy worker taken for one that stands still', 'worker_queue.cpp',
     'if (!stuck_since_ || ran_ != *event.ran) {',
     'if (!stuck_since_) {'),
    ('a watchdog that is not fed and nobody notices', 'worker_watch.cpp',
     'const bool unfed = watchdog_ && context.now - watchdog_->last_sign >= '
     'context.policy.timeout;',
     'const bool unfed = watchdog_ && context.now - watchdog_->last_sign >= '
     'context.policy.timeout * 1000;'),
    ('a watchdog that counts after the worker said that it stops', 'worker_notify.cpp',
     '        watchdog_.reset();\n        context.out',
     '        context.out'),
    ('a watchdog that is fed and does not count', 'worker_notify.cpp',
     'watchdog_ = Watchdog{std::max(granted, context.now)};',
     'if (!watchdog_) watchdog_ = Watchdog{granted};'),
    ('old and new exchanged before the pilot is stable', 'pool_change.cpp',
     'return pilot ? std::max(policy.ready_for, policy.stable_after) : policy.ready_for;',
     'return policy.ready_for;'),
]


def compile_object(compiler, source, target, includes):
    command = [*compiler, *FLAGS, *[f'-I{path}' for path in includes],
               '-c', str(source), '-o', str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f'{source.name} does not compile:\n{done.stderr[-3000:]}')
    return target


class Bench:
    """The objects of the untouched core and of the simulation; a mutant replaces one of them."""

    def __init__(self, options, folder):
        self.options = options
        self.compiler = shlex.split(options.compiler)
        self.folder = folder
        self.core = {}
        self.sim = {}

    def build(self, pool):
        waiting = []
        includes = [self.options.core.parent, self.options.sim.parent]
        for kind, root in (('core', self.options.core), ('sim', self.options.sim)):
            for source in sorted(root.glob('*.cpp')):
                target = self.folder / f'{kind}-{source.stem}.o'
                getattr(self, kind)[source.name] = target
                waiting.append(pool.submit(compile_object, self.compiler, source, target, includes))
        for one in waiting:
            one.result()

    def link(self, name, objects):
        program = self.folder / name
        subprocess.run([*self.compiler, *map(str, objects), '-o', str(program)], check=True)
        return program

    def programs(self, name, core):
        mains = {'explore.cpp', 'fleet.cpp', 'change.cpp'}
        shared = [*core.values(), *[o for source, o in self.sim.items() if source not in mains]]
        return {stem: self.link(f'{name}-{stem}', [*shared, self.sim[f'{stem}.cpp']])
                for stem in ('fleet', 'change', 'explore')}

    def verdict(self, programs):
        """What caught it, or None where all passed."""
        runs = [('fleet', ['--seeds', str(self.options.seeds)]),
                ('change', ['--seeds', str(self.options.seeds * 3)]),
                ('explore', [str(self.options.golden), str(self.options.core / 'worker.hpp')])]
        for stem, arguments in runs:
            try:
                done = subprocess.run([programs[stem], *arguments], capture_output=True, text=True,
                                      errors='replace', timeout=240, check=False)
            except subprocess.TimeoutExpired:
                return f'{stem}: does not end'
            if done.returncode != 0:
                lines = ((done.stdout + done.stderr).strip().splitlines()
                         or [f'ended by {done.returncode}'])
                told = next((line for line in lines if line.startswith('seed ')), lines[0])
                return f'{stem}: {told[:150]}'
        return None

    def judge(self, index, mutant):
        name, file, before, after = mutant
        text = (self.options.core / file).read_text()
        if text.count(before) != 1:
            return name, None, f'{file} has its text {text.count(before)} times instead of once'
        folder = self.folder / f'mutant-{index}'
        shutil.copytree(self.options.core, folder / 'core')
        changed = folder / 'core' / file
        changed.write_text(text.replace(before, after))
        target = compile_object(self.compiler, changed, folder / 'changed.o', [folder])
        caught = self.verdict(self.programs(f'mutant-{index}-of', {**self.core, file: target}))
        return name, caught, None if caught else 'nothing caught it'


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--core', type=pathlib.Path, required=True)
    parser.add_argument('--sim', type=pathlib.Path, required=True)
    parser.add_argument('--golden', type=pathlib.Path, required=True)
    parser.add_argument('--compiler', required=True)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--seeds', type=int, default=400)
    parser.add_argument('names', nargs='*', help='only mutants whose name has one of these in it')
    return parser.parse_args()


def main():
    options = parse()
    chosen = [m for m in MUTANTS
              if not options.names or any(re.search(n, m[0]) for n in options.names)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix='reeve-mutants-') as folder, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        bench = Bench(options, pathlib.Path(folder))
        bench.build(pool)
        complaint = bench.verdict(bench.programs('untouched', bench.core))
        verdict = (f'FAILED  the untouched core: {complaint}' if complaint
                   else 'passes  the untouched core')
        print(verdict, flush=True)
        failed += complaint is not None
        for name, caught, problem in pool.map(lambda m: bench.judge(*m), enumerate(chosen)):
            print(f'{"FAILED" if problem else "caught"}  {name}: {problem or caught}', flush=True)
            failed += problem is not None
    print(f'{len(chosen) + 1 - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
