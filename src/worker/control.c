/* The control channel as the worker sees it: Hello and Ready go out, Welcome and Drain come in. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* A message as it came, and the descriptors that came with it. */
struct incoming {
    _Alignas(8) unsigned char bytes[REEVE_CONTROL_SIZE_MAX];
    size_t size;
    int fds[REEVE_SOCKETS_MAX];
    unsigned fd_count;
};

static int channel_open(const struct reeve_worker* worker) {
    return worker != NULL && worker->control >= 0 && !worker->orphaned;
}

static struct reeve_header make_header(enum reeve_message_type type, size_t size) {
    return (struct reeve_header){REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, (uint16_t)type,
                                 (uint32_t)size};
}

/* The channel holds many more of our few small messages than we ever send, so what does not go at
 * once is given up; every beat repeats the state. */
static void send_packet(struct reeve_worker* worker, const void* bytes, size_t size) {
    int saved_errno = errno;
    while (send(worker->control, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
    errno = saved_errno;
}

static void send_bytes(struct reeve_worker* worker, const void* bytes, size_t size) {
    if (channel_open(worker)) {
        send_packet(worker, bytes, size);
    }
}

void reeve_control_send(struct reeve_worker* worker, enum reeve_message_type type) {
    struct reeve_header header = make_header(type, sizeof header);
    send_bytes(worker, &header, sizeof header);
}

void reeve_greet(struct reeve_worker* worker) {
    if (atomic_exchange(&worker->greeted, 1)) {
        return;
    }
    struct reeve_hello hello;
    memset(&hello, 0, sizeof hello);
    hello.header = make_header(REEVE_HELLO, sizeof hello);
    hello.process = (uint32_t)worker->process;
    hello.flags = worker->hello_flags;
    if (worker->flags & REEVE_WORKER_DRAINS) {
        hello.flags |= REEVE_HELLO_DRAINS;
    }
    if (worker->flags & REEVE_WORKER_TELLS_SLOW) {
        hello.flags |= REEVE_HELLO_SLOW;
    }
    send_bytes(worker, &hello, sizeof hello);
}

/* Also for a forked child, to whom the channel does not speak: a message is one packet. */
void reeve_send_slow(struct reeve_worker* worker, uint64_t duration_ns, struct reeve_text method,
                     struct reeve_text target) {
    struct {
        struct reeve_slow head;
        char text[REEVE_SLOW_TEXT_MAX];
    } message;
    size_t size = 0;
    if (worker->control < 0) {
        return;
    }
    memset(&message.head, 0, sizeof message.head);
    if (method.bytes != NULL && target.bytes != NULL && method.size > 0 &&
        method.size < REEVE_SLOW_TEXT_MAX / 2) {
        memcpy(message.text, method.bytes, method.size);
        message.text[method.size] = ' ';
        size_t room = REEVE_SLOW_TEXT_MAX - method.size - 1;
        size_t cut = target.size < room ? target.size : room;
        memcpy(message.text + method.size + 1, target.bytes, cut);
        size = method.size + 1 + cut;
    }
    message.head.header = make_header(REEVE_SLOW, sizeof message.head + size);
    message.head.process = (uint32_t)worker->process;
    message.head.duration_ns = duration_ns;
    message.head.text_size = (uint32_t)size;
    send_packet(worker, &message, sizeof message.head + size);
}

static void close_all(struct incoming* message) {
    for (unsigned i = 0; i < message->fd_count; i++) {
        close(message->fds[i]);
    }
    message->fd_count = 0;
}

static void collect_fds(struct msghdr* header, struct incoming* message) {
    message->fd_count = 0;
    for (struct cmsghdr* part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd = -1;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            if (message->fd_count < REEVE_SOCKETS_MAX) {
                message->fds[message->fd_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

enum received { RECEIVED_MESSAGE, RECEIVED_NOTHING, RECEIVED_END };

static enum received receive_message(struct reeve_worker* worker, struct incoming* message) {
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * REEVE_SOCKETS_MAX)];
    } ancillary;
    struct iovec bytes = {message->bytes, sizeof message->bytes};
    struct msghdr header;
    memset(&header, 0, sizeof header);
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = ancillary.space;
    header.msg_controllen = sizeof ancillary.space;
    ssize_t got = -1;
    do {
        got = recvmsg(worker->control, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? RECEIVED_NOTHING : RECEIVED_END;
    }
    if (got == 0) {
        return RECEIVED_END;
    }
    message->size = (size_t)got;
    collect_fds(&header, message);
    return RECEIVED_MESSAGE;
}

/* Takes the message's type where header and size are right, else 0. */
static uint16_t type_of(const struct incoming* message) {
    struct reeve_header header;
    if (message->size < sizeof header) {
        return 0;
    }
    memcpy(&header, message->bytes, sizeof header);
    return header.magic == REEVE_CONTROL_MAGIC && header.version == REEVE_PROTOCOL_VERSION &&
                   header.size == message->size
               ? header.type
               : 0;
}

static void accept_sockets(struct reeve_worker* worker, struct incoming* message, const char* names,
                           size_t size) {
    for (unsigned i = 0; i < message->fd_count; i++) {
        const char* end = memchr(names, '\0', size);
        worker->socket_name[i] = strdup(end != NULL ? names : "");
        worker->socket[i] = message->fds[i];
        if (end != NULL) {
            size -= (size_t)(end - names) + 1;
            names = end + 1;
        }
    }
    worker->sockets = message->fd_count;
    message->fd_count = 0;
}

static void on_welcome(struct reeve_worker* worker, struct incoming* message) {
    struct reeve_welcome welcome;
    if (message->size < sizeof welcome || atomic_load(&worker->welcomed)) {
        return;
    }
    memcpy(&welcome, message->bytes, sizeof welcome);
    if (welcome.sockets != message->fd_count ||
        welcome.names_size > message->size - sizeof welcome) {
        return;
    }
    if (message->fd_count > 0 && worker->sockets == 0) {
        accept_sockets(worker, message, (const char*)message->bytes + sizeof welcome,
                       welcome.names_size);
    }
    if (welcome.beat_interval_ms != 0) {
        atomic_store(&worker->interval_ns, (uint64_t)welcome.beat_interval_ms * 1000000);
    }
    if (welcome.quota != 0) {
        atomic_store(&worker->quota, welcome.quota);
    }
    atomic_store(&worker->welcome_flags, welcome.flags);
    atomic_store(&worker->welcomed, 1);
}

static enum reeve_worker_event on_end(struct reeve_worker* worker) {
    if (atomic_exchange(&worker->orphaned, 1)) {
        return REEVE_WORKER_NOTHING;
    }
    return atomic_load(&worker->welcome_flags) & REEVE_WELCOME_ORPHANS_KEEP
               ? REEVE_WORKER_ORPHANED_KEEP
               : REEVE_WORKER_ORPHANED;
}

/* One message: what it means to the program; what is no message, or is for a later version, means
 * nothing. */
static enum reeve_worker_event on_message(struct reeve_worker* worker, struct incoming* message,
                                          uint32_t* deadline_ms) {
    enum reeve_worker_event event = REEVE_WORKER_NOTHING;
    struct reeve_drain drain;
    uint16_t type = type_of(message);
    if (type == REEVE_WELCOME) {
        on_welcome(worker, message);
    } else if (type == REEVE_DRAIN && message->size >= sizeof drain) {
        memcpy(&drain, message->bytes, sizeof drain);
        if (deadline_ms != NULL) {
            *deadline_ms = drain.deadline_ms;
        }
        event = REEVE_WORKER_DRAIN;
    } else if (type == REEVE_REOPEN) {
        reeve_access_reopen(worker);
        event = REEVE_WORKER_REOPEN;
    }
    close_all(message);
    return event;
}

enum reeve_worker_event reeve_worker_control(struct reeve_worker* worker, uint32_t* deadline_ms) {
    struct incoming message;
    while (channel_open(worker)) {
        enum received received = receive_message(worker, &message);
        if (received == RECEIVED_NOTHING) {
            break;
        }
        if (received == RECEIVED_END) {
            return on_end(worker);
        }
        enum reeve_worker_event event = on_message(worker, &message, deadline_ms);
        if (event != REEVE_WORKER_NOTHING) {
            return event;
        }
    }
    return REEVE_WORKER_NOTHING;
}

int reeve_worker_control_fd(const struct reeve_worker* worker) {
    return channel_open(worker) ? worker->control : -1;
}

/* Only Welcome is taken from the channel here; a Drain or the end of the channel stays there for
 * reeve_worker_control(). */
static enum reeve_worker_result wait_for_welcome(struct reeve_worker* worker, int timeout_ms) {
    uint64_t deadline_ns =
        reeve_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000;
    while (!atomic_load(&worker->welcomed)) {
        struct reeve_header header;
        ssize_t got = recv(worker->control, &header, sizeof header, MSG_PEEK | MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            errno = ECONNRESET;
            return REEVE_WORKER_ERROR;
        }
        if (got > 0) {
            if ((size_t)got == sizeof header &&
                (header.type == REEVE_DRAIN || header.type == REEVE_REOPEN)) {
                return REEVE_WORKER_TIMEOUT;
            }
            /* One message and no more: a Drain may stand right behind Welcome. */
            struct incoming message;
            if (receive_message(worker, &message) == RECEIVED_MESSAGE) {
                on_message(worker, &message, NULL);
            }
            continue;
        }
        uint64_t now = reeve_monotonic_ns();
        int left_ms = deadline_ns > now ? (int)((deadline_ns - now + 999999) / 1000000) : 0;
        struct pollfd channel = {worker->control, POLLIN, 0};
        if (left_ms == 0 || (poll(&channel, 1, left_ms) < 0 && errno != EINTR)) {
            return left_ms == 0 ? REEVE_WORKER_TIMEOUT : REEVE_WORKER_ERROR;
        }
    }
    return REEVE_WORKER_OK;
}

enum reeve_worker_result reeve_worker_receive(struct reeve_worker* worker, int timeout_ms) {
    if (worker == NULL) {
        return REEVE_WORKER_ALONE;
    }
    if (channel_open(worker)) {
        reeve_greet(worker);
        return worker->inherited ? REEVE_WORKER_OK : wait_for_welcome(worker, timeout_ms);
    }
    return worker->inherited ? REEVE_WORKER_OK : REEVE_WORKER_ALONE;
}
