/* What requests ask for and how they are answered, read from the first bytes of both: for the
 * access log, and to name slow requests. Only where one of them is wanted; only HTTP/1. */
#include "preload/heads.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_SIZE    256u
#define CHUNKS        4096u
#define WORD          ((uint32_t)sizeof(uint64_t))
#define STATUS_SIZE   16u         /* of an answer's first bytes: "HTTP/1.1 200" */
#define HEAD_IS_OVER  4u          /* all of CR LF CR LF */
#define LOOK_AGAIN_NS 1000000000u /* at whether the file is still at its path */

/* Threads may be at the same connection, so all of it is read and written by words; what a torn
 * copy would tell is dropped with the turn that it was made for. */
struct head {
    _Alignas(64) _Atomic uint32_t size;
    _Atomic uint32_t complete;    /* nothing more is kept of the request */
    _Atomic uint32_t told;        /* as slow */
    _Atomic uint32_t answer_size; /* of what is kept */
    _Atomic uint32_t end_matched; /* bytes of the end of the answer's head */
    _Atomic uint64_t body;        /* bytes written after that */
    _Atomic uint64_t answer[STATUS_SIZE / sizeof(uint64_t)];
    _Atomic uint64_t remote[3]; /* family, address */
    _Atomic uint64_t request[HEAD_MAX / sizeof(uint64_t)];
};

static _Atomic(struct head*) chunks[CHUNKS];

static struct head* head_of(uint32_t entry) {
    uint32_t index = entry - KINDS;
    struct head* chunk =
        index / CHUNK_SIZE < CHUNKS
            ? atomic_load_explicit(&chunks[index / CHUNK_SIZE], memory_order_acquire)
            : NULL;
    return chunk != NULL ? &chunk[index % CHUNK_SIZE] : NULL;
}

static uint32_t get(_Atomic uint32_t* number) {
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(_Atomic uint32_t* number, uint32_t value) {
    atomic_store_explicit(number, value, memory_order_relaxed);
}

static void put_bytes(_Atomic uint64_t* words, uint32_t at, const char* from, uint32_t size) {
    while (size > 0) {
        uint32_t shift = at % WORD;
        uint32_t part = size < WORD - shift ? size : WORD - shift;
        uint64_t word =
            part < WORD ? atomic_load_explicit(&words[at / WORD], memory_order_relaxed) : 0;
        memcpy((char*)&word + shift, from, part);
        atomic_store_explicit(&words[at / WORD], word, memory_order_relaxed);
        at += part;
        from += part;
        size -= part;
    }
}

static void get_bytes(_Atomic uint64_t* words, char* into, uint32_t size) {
    for (uint32_t i = 0; i * WORD < size; i++) {
        uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);
        uint32_t left = size - i * WORD;
        memcpy(into + i * WORD, &word, left < WORD ? left : WORD);
    }
}

void head_accepted(uint32_t entry, const struct sockaddr_storage* peer) {
    uint32_t index = entry - KINDS;
    if (entry < KINDS || index / CHUNK_SIZE >= CHUNKS) {
        return;
    }
    if (head_of(entry) == NULL) {
        struct head* none = NULL;
        void* pages = mmap(NULL, CHUNK_SIZE * sizeof(struct head), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) {
            return;
        }
        if (!atomic_compare_exchange_strong(&chunks[index / CHUNK_SIZE], &none, pages)) {
            munmap(pages, CHUNK_SIZE * sizeof(struct head));
        }
    }
    struct head* head = head_of(entry);
    uint64_t address[3] = {peer->ss_family, 0, 0};
    if (peer->ss_family == AF_INET) {
        memcpy(&address[1], &((const struct sockaddr_in*)peer)->sin_addr, 4);
    } else if (peer->ss_family == AF_INET6) {
        memcpy(&address[1], &((const struct sockaddr_in6*)peer)->sin6_addr, 16);
    }
    put_bytes(head->remote, 0, (const char*)address, sizeof address);
    set(&head->size, 0);
    set(&head->complete, 1);
}

/* A method is a word of capitals and a blank, after at most an empty line. */
static int may_be_http(const struct iovec* parts, size_t count, size_t size) {
    const char* bytes = count > 0 ? parts[0].iov_base : NULL;
    size_t length = count > 0 && parts[0].iov_len < size ? parts[0].iov_len : size;
    size_t at = 0;
    while (bytes != NULL && at < length && (bytes[at] == '\r' || bytes[at] == '\n')) {
        at++;
    }
    size_t begin = at;
    while (bytes != NULL && at < length && bytes[at] >= 'A' && bytes[at] <= 'Z') {
        at++;
    }
    return at > begin && (at == length || bytes[at] == ' ');
}

static void keep_request(struct head* head, const struct iovec* parts, size_t count, size_t size) {
    uint32_t have = get(&head->size);
    for (size_t i = 0; i < count && size > 0 && have < HEAD_MAX; i++) {
        size_t length = parts[i].iov_len < size ? parts[i].iov_len : size;
        size_t room = HEAD_MAX - have;
        uint32_t part = (uint32_t)(length < room ? length : room);
        put_bytes(head->request, have, parts[i].iov_base, part);
        have += part;
        size -= length;
    }
    set(&head->size, have);
    char end[4];
    memset(end, 0, sizeof end);
    if (have >= sizeof end) {
        for (uint32_t i = 0; i < sizeof end; i++) {
            uint64_t word =
                atomic_load_explicit(&head->request[(have - 4 + i) / WORD], memory_order_relaxed);
            end[i] = ((const char*)&word)[(have - 4 + i) % WORD];
        }
    }
    /* A body may follow in the same read: then what is kept is full, or goes on with it. */
    if (have == HEAD_MAX || memcmp(end, "\r\n\r\n", sizeof end) == 0) {
        set(&head->complete, 1);
    }
}

void head_began(uint32_t entry, const struct iovec* parts, size_t count, size_t size) {
    struct head* head = head_of(entry);
    if (head == NULL) {
        return;
    }
    int http = may_be_http(parts, count, size);
    set(&head->size, 0);
    set(&head->told, 0);
    set(&head->answer_size, 0);
    set(&head->end_matched, 0);
    atomic_store_explicit(&head->body, 0, memory_order_relaxed);
    set(&head->complete, !http);
    if (http) {
        keep_request(head, parts, count, size);
    }
}

void head_read(uint32_t entry, const struct iovec* parts, size_t count, size_t size) {
    struct head* head = head_of(entry);
    if (head == NULL) {
        return;
    }
    /* The rest of a body whose answer came before it may stand in front of a request. */
    int begins = get(&head->size) == 0 && may_be_http(parts, count, size);
    if (begins) {
        set(&head->complete, 0);
    }
    if (!get(&head->complete)) {
        keep_request(head, parts, count, size);
    }
}

/* How many of these bytes belong to the answer's head, of whose end some may have come already. */
static size_t head_part(const char* bytes, size_t size, uint32_t* matched) {
    static const char end[] = "\r\n\r\n";
    size_t at = 0;
    while (*matched > 0 && *matched < HEAD_IS_OVER && at < size) {
        *matched = bytes[at] == end[*matched] ? *matched + 1 : bytes[at] == '\r';
        at++;
    }
    if (*matched == HEAD_IS_OVER || at == size) {
        return at;
    }
    const char* found = memmem(bytes + at, size - at, end, HEAD_IS_OVER);
    if (found != NULL) {
        *matched = HEAD_IS_OVER;
        return (size_t)(found - bytes) + HEAD_IS_OVER;
    }
    for (uint32_t tail = HEAD_IS_OVER - 1; tail > 0; tail--) {
        if (size - at >= tail && memcmp(bytes + size - tail, end, tail) == 0) {
            *matched = tail;
            break;
        }
    }
    return size;
}

void head_wrote(uint32_t entry, const struct iovec* parts, size_t count, size_t size) {
    struct head* head = head_of(entry);
    if (head == NULL || get(&head->size) == 0) {
        return;
    }
    uint32_t matched = get(&head->end_matched);
    for (size_t i = 0; i < count && size > 0 && matched != HEAD_IS_OVER; i++) {
        const char* bytes = parts[i].iov_base;
        size_t length = parts[i].iov_len < size ? parts[i].iov_len : size;
        uint32_t have = get(&head->answer_size);
        uint32_t room = STATUS_SIZE - have;
        uint32_t part = length < room ? (uint32_t)length : room;
        put_bytes(head->answer, have, bytes, part);
        set(&head->answer_size, have + part);
        size_t of_head = head_part(bytes, length, &matched);
        atomic_fetch_add_explicit(&head->body, length - of_head, memory_order_relaxed);
        size -= length;
    }
    set(&head->end_matched, matched);
    if (matched == HEAD_IS_OVER) {
        atomic_fetch_add_explicit(&head->body, size, memory_order_relaxed);
    }
}

void head_copy(uint32_t entry, struct head_copy* copy) {
    struct head* head = head_of(entry);
    copy->size = 0;
    copy->told = 1;
    copy->status = 0;
    if (head == NULL) {
        return;
    }
    char answer[STATUS_SIZE];
    uint32_t answer_size = get(&head->answer_size);
    copy->size = get(&head->size);
    copy->told = get(&head->told) != 0;
    copy->body = atomic_load_explicit(&head->body, memory_order_relaxed);
    get_bytes(head->remote, (char*)copy->remote, sizeof copy->remote);
    get_bytes(head->request, copy->bytes, copy->size);
    get_bytes(head->answer, answer, answer_size);
    if (answer_size >= 12 && memcmp(answer, "HTTP/1.", 7) == 0 && answer[8] == ' ') {
        for (int i = 9; i < 12 && answer[i] >= '0' && answer[i] <= '9'; i++) {
            copy->status = copy->status * 10 + (unsigned)(answer[i] - '0');
        }
    }
}

static int first_to_tell(uint32_t entry) {
    struct head* head = head_of(entry);
    return head != NULL && atomic_exchange_explicit(&head->told, 1, memory_order_relaxed) == 0;
}

/* Takes what stands before `until` from the front of `rest`; all of it where it is not there. */
static struct reeve_text take(struct reeve_text* rest, char until) {
    const char* end = memchr(rest->bytes, until, rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->bytes) : rest->size;
    struct reeve_text taken = {rest->bytes, size};
    size_t skip = size + (end != NULL);
    rest->bytes += skip;
    rest->size -= skip;
    return taken;
}

static struct reeve_text trimmed(struct reeve_text text) {
    while (text.size > 0 && (*text.bytes == ' ' || *text.bytes == '\t')) {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 &&
           (text.bytes[text.size - 1] == '\r' || text.bytes[text.size - 1] == ' ')) {
        text.size--;
    }
    return text;
}

static void take_header(struct reeve_text line, const char* name, struct reeve_text* value) {
    size_t size = strlen(name);
    if (value->size != 0 || line.size <= size || line.bytes[size] != ':') {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if ((line.bytes[i] | 0x20) != name[i]) {
            return;
        }
    }
    *value = trimmed((struct reeve_text){line.bytes + size + 1, line.size - size - 1});
}

static int is_http1(struct reeve_text protocol) {
    return protocol.size == 8 && memcmp(protocol.bytes, "HTTP/1.", 7) == 0;
}

/* 0: it is no request of HTTP/1. A target that is too long to be kept has no protocol. */
static int parse(const struct head_copy* copy, struct access_entry* entry) {
    struct reeve_text rest = {copy->bytes, copy->size};
    while (rest.size > 0 && (*rest.bytes == '\r' || *rest.bytes == '\n')) {
        rest.bytes++;
        rest.size--;
    }
    int whole = memchr(rest.bytes, '\n', rest.size) != NULL;
    struct reeve_text line = trimmed(take(&rest, '\n'));
    entry->method = take(&line, ' ');
    entry->target = take(&line, ' ');
    entry->protocol = line;
    if (entry->method.size == 0 || entry->target.size == 0 ||
        (whole ? !is_http1(entry->protocol) : copy->size < HEAD_MAX)) {
        return 0;
    }
    while (rest.size > 0) {
        line = trimmed(take(&rest, '\n'));
        if (line.size == 0) {
            break;
        }
        take_header(line, "referer", &entry->referer);
        take_header(line, "user-agent", &entry->user_agent);
    }
    return 1;
}

void heads_note_log(void) {
    int fd = atomic_load(&image.worker->access.fd);
    if (fd >= 0 && entry_of(fd) != KIND_OWN) {
        table_exchange(fd, KIND_OWN);
    }
}

/* Who does not hear of a rotation finds it out. */
static void follow_rotation(int fd) {
    struct reeve_worker* worker = image.worker;
    struct stat now;
    struct stat at_path;
    uint64_t time = reeve_coarse_ns();
    int hears = (worker->flags & REEVE_WORKER_DRAINS) && !is_draining();
    if (worker->access.path[0] == '\0' || hears ||
        time < atomic_load_explicit(&image.log_look_ns, memory_order_relaxed)) {
        return;
    }
    atomic_store_explicit(&image.log_look_ns, time + LOOK_AGAIN_NS, memory_order_relaxed);
    int moved = stat(worker->access.path, &at_path) != 0 || fstat(fd, &now) != 0 ||
                at_path.st_ino != now.st_ino || at_path.st_dev != now.st_dev;
    if (moved) {
        reeve_access_reopen(worker);
    }
}

static void format_remote(const struct head_copy* copy, struct access_entry* entry, char* text,
                          size_t size) {
    if (copy->remote[0] == AF_INET || copy->remote[0] == AF_INET6) {
        if (inet_ntop((int)copy->remote[0], &copy->remote[1], text, (socklen_t)size) != NULL) {
            entry->remote = (struct reeve_text){text, strlen(text)};
        }
    }
}

void head_tell_slow(uint32_t entry, const struct head_copy* copy, uint64_t ns) {
    struct access_entry parsed;
    memset(&parsed, 0, sizeof parsed);
    if (copy->told || !first_to_tell(entry)) {
        return;
    }
    if (copy->size == 0 || !parse(copy, &parsed)) {
        parsed.method.bytes = NULL;
    }
    inside++;
    reeve_send_slow(image.worker, ns, parsed.method, parsed.target);
    inside--;
}

void head_log(const struct head_copy* copy, uint64_t ns) {
    char remote[INET6_ADDRSTRLEN];
    struct access_entry entry;
    int fd = atomic_load_explicit(&image.worker->access.fd, memory_order_acquire);
    memset(&entry, 0, sizeof entry);
    if (fd < 0 || copy->size == 0 || copy->status == 0 || !parse(copy, &entry)) {
        return;
    }
    int saved_errno = errno;
    inside++;
    follow_rotation(fd);
    format_remote(copy, &entry, remote, sizeof remote);
    entry.status = copy->status;
    entry.bytes = copy->body;
    entry.duration_ns = ns;
    reeve_access_write(image.worker, &entry);
    heads_note_log();
    inside--;
    errno = saved_errno;
}
