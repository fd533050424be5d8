/* The least a server can do: one epoll loop in C that hands every publication to every subscriber by send().
 *
 * No sessions, no policy, no positions, no bounds, no recovery; frames of clients are read and dropped.
 * Prints the port of the WebSocket and the port that takes publications, a line each.
 * The handshake's answer is a constant: the load client always sends the same key.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 65536, LINE = 60000 };
enum kind { STRANGER, SUBSCRIBER, PUBLISHER };

static int subscribers[MOST], count, place[MOST];
static unsigned char kinds[MOST];
static char taken[LINE + 1];
static size_t length;

static const char SWITCHING[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void fan_out(const char *payload, size_t size) {
    static unsigned char frame[LINE + 4];
    size_t head = 2;
    frame[0] = 0x81;
    if (size < 126) {
        frame[1] = size;
    } else {
        frame[1] = 126, frame[2] = size >> 8, frame[3] = size;
        head = 4;
    }
    memcpy(frame + head, payload, size);
    for (int i = 0; i < count; i++)
        if (send(subscribers[i], frame, head + size, MSG_NOSIGNAL) < 0)
            continue; /* a subscriber that is behind misses it; the load client counts */
}

static void publish(const char *bytes, size_t size) {
    if (length + size > LINE)
        exit(1);
    memcpy(taken + length, bytes, size);
    length += size;
    char *start = taken, *end;
    while ((end = memchr(start, '\n', taken + length - start))) {
        fan_out(start, end - start);
        start = end + 1;
    }
    length = taken + length - start;
    memmove(taken, start, length);
}

static int listening(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 1024) || getsockname(fd, (void *)&at, &size)) {
        perror("listen");
        exit(1);
    }
    printf("%d\n", ntohs(at.sin_port));
    return fd;
}

static void leave(int fd) {
    if (kinds[fd] == SUBSCRIBER) {
        int last = subscribers[--count];
        subscribers[place[fd]] = last;
        place[last] = place[fd];
    }
    close(fd);
}

static void hear(int fd) {
    static char bytes[LINE];
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        leave(fd);
    } else if (kinds[fd] == PUBLISHER) {
        publish(bytes, size);
    } else if (kinds[fd] == STRANGER && size > 4 && !memcmp(bytes + size - 4, "\r\n\r\n", 4)) {
        kinds[fd] = SUBSCRIBER;
        place[fd] = count;
        subscribers[count++] = fd;
        if (send(fd, SWITCHING, sizeof SWITCHING - 1, MSG_NOSIGNAL) < 0)
            leave(fd);
    }
}

int main(void) {
    static struct epoll_event ready[512];
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int web = listening(), publications = listening(), poll = epoll_create1(0);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = i ? publications : web};
        epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    for (;;) {
        int n = epoll_wait(poll, ready, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd, came, one = 1;
            if (fd != web && fd != publications) {
                hear(fd);
                continue;
            }
            while ((came = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0 && came < MOST) {
                struct epoll_event event = {.events = EPOLLIN, .data.fd = came};
                setsockopt(came, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                kinds[came] = fd == web ? STRANGER : PUBLISHER;
                epoll_ctl(poll, EPOLL_CTL_ADD, came, &event);
            }
        }
    }
}
