// One table for all architectures: calls that one of them lacks are left out there.
#include "os/syscall_names.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <sys/syscall.h>

namespace reeve::os {
namespace {

struct SyscallRow {
    long number;
    std::string_view name;
};

constexpr std::array rows{
#ifdef SYS_accept
    SyscallRow{SYS_accept, "accept"},
#endif
#ifdef SYS_epoll_wait
    SyscallRow{SYS_epoll_wait, "epoll_wait"},
#endif
#ifdef SYS_open
    SyscallRow{SYS_open, "open"},
#endif
#ifdef SYS_pause
    SyscallRow{SYS_pause, "pause"},
#endif
#ifdef SYS_poll
    SyscallRow{SYS_poll, "poll"},
#endif
#ifdef SYS_select
    SyscallRow{SYS_select, "select"},
#endif
    SyscallRow{SYS_accept4, "accept4"},
    SyscallRow{SYS_clock_nanosleep, "clock_nanosleep"},
    SyscallRow{SYS_close, "close"},
    SyscallRow{SYS_connect, "connect"},
    SyscallRow{SYS_epoll_pwait, "epoll_pwait"},
    SyscallRow{SYS_epoll_pwait2, "epoll_pwait2"},
    SyscallRow{SYS_exit, "exit"},
    SyscallRow{SYS_exit_group, "exit_group"},
    SyscallRow{SYS_fcntl, "fcntl"},
    SyscallRow{SYS_fdatasync, "fdatasync"},
    SyscallRow{SYS_flock, "flock"},
    SyscallRow{SYS_fsync, "fsync"},
    SyscallRow{SYS_futex, "futex"},
    SyscallRow{SYS_io_getevents, "io_getevents"},
    SyscallRow{SYS_io_uring_enter, "io_uring_enter"},
    SyscallRow{SYS_ioctl, "ioctl"},
    SyscallRow{SYS_madvise, "madvise"},
    SyscallRow{SYS_mmap, "mmap"},
    SyscallRow{SYS_munmap, "munmap"},
    SyscallRow{SYS_nanosleep, "nanosleep"},
    SyscallRow{SYS_openat, "openat"},
    SyscallRow{SYS_ppoll, "ppoll"},
    SyscallRow{SYS_pread64, "pread64"},
    SyscallRow{SYS_pselect6, "pselect6"},
    SyscallRow{SYS_pwrite64, "pwrite64"},
    SyscallRow{SYS_read, "read"},
    SyscallRow{SYS_readv, "readv"},
    SyscallRow{SYS_recvfrom, "recvfrom"},
    SyscallRow{SYS_recvmmsg, "recvmmsg"},
    SyscallRow{SYS_recvmsg, "recvmsg"},
    SyscallRow{SYS_restart_syscall, "restart_syscall"},
    SyscallRow{SYS_rt_sigsuspend, "rt_sigsuspend"},
    SyscallRow{SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    SyscallRow{SYS_sched_yield, "sched_yield"},
    SyscallRow{SYS_semtimedop, "semtimedop"},
    SyscallRow{SYS_sendfile, "sendfile"},
    SyscallRow{SYS_sendmsg, "sendmsg"},
    SyscallRow{SYS_sendto, "sendto"},
    SyscallRow{SYS_splice, "splice"},
    SyscallRow{SYS_wait4, "wait4"},
    SyscallRow{SYS_waitid, "waitid"},
    SyscallRow{SYS_write, "write"},
    SyscallRow{SYS_writev, "writev"},
};

}  // namespace

std::string syscall_name(long number) {
    const auto row = std::ranges::find(rows, number, &SyscallRow::number);
    return row != rows.end() ? std::string{row->name} : "syscall " + std::to_string(number);
}

}  // namespace reeve::os
