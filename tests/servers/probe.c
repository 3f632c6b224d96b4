/* The one program of the scratch test image: says what a container looks like from inside, and misbehaves on demand.

   gcc -Os -static -s -o probe probe.c

   probe exit N               exit with status N
   probe sleep SECS           sleep (fractions allowed), exit 0
   probe signal N             kill itself with signal N
   probe alloc MB [SECS]      touch MB of memory, hold it for SECS
   probe alloc-child MB       a child does that; prints how the child ended, exit 3 when it did not end well
   probe env [NAME]           the environment, or one variable (exit 1 when it is not set)
   probe id                   uid=… gid=… groups=…
   probe pid                  its own process id
   probe pwd                  working directory
   probe cat FILE             copy a file to stdout
   probe write FILE TEXT      write TEXT and a newline into a file
   probe ls DIR               names in a folder, sorted
   probe stat FILE            octal mode, uid, gid, kind and name of a file
   probe echo …, err …        its arguments to stdout, to stderr
   probe lines N [MS]         N numbered lines, MS milliseconds apart
   probe stdin                copy stdin to stdout
   probe ignore-term SECS     SIGINT and SIGTERM do nothing for SECS
   probe report-signals SECS  prints "got N" for every signal; SIGINT and SIGTERM end it with status 0
   probe background SECS      leaves a sleeping child behind and exits 0
   probe tty [watch SECS]     which of 0, 1, 2 are terminals, and the window size; watch: again at every SIGWINCH
   probe mounts [TARGET]      target, options, filesystem, source and root of every mount (or the one at TARGET)
   probe nproc                processors that it may use
   probe limits               resource limits, size of /dev/shm, limits of its control group
   probe connect IP PORT      exit 0 when a TCP connection is made
   probe do A … , B … , C …   several of the above in turn; stops at the first that fails

   Every line is flushed at once, since the tests look at what came out before a kill. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int fail(const char *what) { fprintf(stderr, "probe: %s: %s\n", what, strerror(errno)); return 1; }

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

/* Sleeps on through signals that have a handler. */
static void nap(double secs) {
  double end = now() + secs, left;
  while ((left = end - now()) > 0) {
    struct timespec t = { (time_t)left, (long)((left - (time_t)left) * 1e9) };
    nanosleep(&t, 0);
  }
}

static int copy(int from) {
  char b[65536]; ssize_t n;
  while ((n = read(from, b, sizeof b)) > 0)
    for (ssize_t o = 0, w; o < n; o += w) if ((w = write(1, b + o, n - o)) < 0) return fail("write");
  return n < 0 ? fail("read") : 0;
}

static int touch_memory(long mb) {
  for (long i = 0; i < mb; i++) {
    char *p = malloc(1 << 20);
    if (!p) return fail("malloc");
    memset(p, 1 + (int)i % 255, 1 << 20);      /* written, not only reserved; not zeroes, so that no page is shared */
  }
  printf("allocated %ld MB\n", mb);
  return 0;
}

static volatile sig_atomic_t pending[65];
static void note(int s) { pending[s]++; }

static int report_signals(double secs) {
  for (int s = 1; s < 32; s++) if (s != SIGKILL && s != SIGSTOP && s != SIGCHLD) {
    struct sigaction a = { .sa_handler = note };
    sigaction(s, &a, 0);
  }
  puts("ready");
  for (double end = now() + secs; now() < end;) {
    for (int s = 1; s < 32; s++) while (pending[s]) {
      pending[s]--;
      printf("got %d\n", s);
      if (s == SIGINT || s == SIGTERM) return 0;
    }
    usleep(20000);
  }
  puts("end");
  return 0;
}

static void tty(void) {
  struct winsize w;
  for (int f = 0; f < 3; f++) {
    printf("%d=%s", f, isatty(f) ? "tty" : "no");
    if (isatty(f) && !ioctl(f, TIOCGWINSZ, &w)) printf(" %dx%d", w.ws_col, w.ws_row);
    putchar(f < 2 ? ' ' : '\n');
  }
}

static int mounts(const char *only) {
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char line[8192], root[4096], target[4096], options[1024], type[128], source[4096];
  int found = 0;
  if (!f) return fail("/proc/self/mountinfo");
  while (fgets(line, sizeof line, f)) {
    char *rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s %1023s", root, target, options) != 3) continue;
    if (sscanf(rest + 3, "%127s %4095s", type, source) != 2) continue;
    if (only && strcmp(only, target)) continue;
    found = 1;
    printf("%s\t%s\t%s\t%s\t%s\n", target, options, type, source, root);
  }
  fclose(f);
  return found ? 0 : 1;
}

static void print_file(const char *name, const char *path) {
  char b[256]; FILE *f = fopen(path, "r");
  if (!f) return;
  if (fgets(b, sizeof b, f)) { b[strcspn(b, "\n")] = 0; printf("%s=%s\n", name, b); }
  fclose(f);
}

static void print_limit(const char *name, int which) {
  struct rlimit r;
  if (getrlimit(which, &r)) return;
  if (r.rlim_cur == RLIM_INFINITY) printf("%s=unlimited\n", name); else printf("%s=%llu\n", name, (unsigned long long)r.rlim_cur);
}

static int limits(void) {
  struct statvfs v;
  print_limit("nofile", RLIMIT_NOFILE); print_limit("memlock", RLIMIT_MEMLOCK);
  print_limit("nproc", RLIMIT_NPROC); print_limit("stack", RLIMIT_STACK); print_limit("core", RLIMIT_CORE);
  if (!statvfs("/dev/shm", &v)) printf("shm=%llu\n", (unsigned long long)v.f_blocks * v.f_frsize);
  print_file("memory", "/sys/fs/cgroup/memory/memory.limit_in_bytes"); print_file("memory", "/sys/fs/cgroup/memory.max");
  print_file("cpu.quota", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); print_file("cpu.max", "/sys/fs/cgroup/cpu.max");
  print_file("pids", "/sys/fs/cgroup/pids/pids.max"); print_file("pids", "/sys/fs/cgroup/pids.max");
  return 0;
}

static int run(int n, char **a);

static int in_turn(int n, char **a) {
  for (int from = 0, i = 0; i <= n; i++) if (i == n || !strcmp(a[i], ",")) {
    int r = i > from ? run(i - from, a + from) : 0;
    fflush(stdout);
    if (r) return r;
    from = i + 1;
  }
  return 0;
}

static int run(int n, char **a) {
  const char *c = n ? a[0] : "", *x = n > 1 ? a[1] : 0, *y = n > 2 ? a[2] : 0;
#define IS(name, least) (!strcmp(c, name) && n > (least))
  if (IS("exit", 1)) return atoi(x) & 255;
  if (IS("sleep", 1)) { nap(atof(x)); return 0; }
  if (IS("signal", 1)) {
    int s = atoi(x); sigset_t all;
    signal(s, SIG_DFL); sigfillset(&all); sigprocmask(SIG_UNBLOCK, &all, 0);
    kill(getpid(), s);
    /* The first process of a pid namespace is spared by every signal without a handler, its own SIGKILL too. A shell or an
       init process in its place would have ended with this status. */
    return 128 + s;
  }
  if (IS("alloc", 1)) { int r = touch_memory(atol(x)); if (!r && y) nap(atof(y)); return r; }
  if (IS("alloc-child", 1)) {
    int st; pid_t p = fork();
    if (p < 0) return fail("fork");
    if (!p) _exit(touch_memory(atol(x)));
    if (waitpid(p, &st, 0) < 0) return fail("wait");
    if (WIFSIGNALED(st)) { printf("child signal %d\n", WTERMSIG(st)); return 3; }
    printf("child exit %d\n", WEXITSTATUS(st));
    return WEXITSTATUS(st) ? 3 : 0;
  }
  if (IS("env", 0)) {
    if (x) { const char *v = getenv(x); if (!v) return 1; puts(v); return 0; }
    for (char **e = environ; *e; e++) puts(*e);
    return 0;
  }
  if (IS("id", 0)) {
    gid_t g[256]; int k = getgroups(256, g);
    printf("uid=%d gid=%d groups=", (int)getuid(), (int)getgid());
    for (int i = 0; i < k; i++) printf("%s%d", i ? "," : "", (int)g[i]);
    puts("");
    return 0;
  }
  if (IS("pid", 0)) { printf("%d\n", (int)getpid()); return 0; }
  if (IS("pwd", 0)) { char b[4096]; if (!getcwd(b, sizeof b)) return fail("getcwd"); puts(b); return 0; }
  if (IS("cat", 1)) { int f = open(x, O_RDONLY), r; if (f < 0) return fail(x); fflush(stdout); r = copy(f); close(f); return r; }
  if (IS("write", 2)) {
    FILE *f = fopen(x, "w");
    if (!f) return fail(x);
    fprintf(f, "%s\n", y);
    return fclose(f) ? fail(x) : 0;
  }
  if (IS("ls", 1)) {
    struct dirent **e; int k = scandir(x, &e, 0, alphasort);
    if (k < 0) return fail(x);
    for (int i = 0; i < k; i++) if (strcmp(e[i]->d_name, ".") && strcmp(e[i]->d_name, "..")) puts(e[i]->d_name);
    return 0;
  }
  if (IS("stat", 1)) {
    struct stat s;
    if (lstat(x, &s)) return fail(x);
    printf("%o %d %d %s %s\n", (unsigned)s.st_mode & 07777, (int)s.st_uid, (int)s.st_gid,
           S_ISDIR(s.st_mode) ? "dir" : S_ISLNK(s.st_mode) ? "link" : S_ISREG(s.st_mode) ? "file" : "other", x);
    return 0;
  }
  if (IS("echo", 0) || IS("err", 0)) {
    FILE *o = *c == 'e' && c[1] == 'r' ? stderr : stdout;
    for (int i = 1; i < n; i++) fprintf(o, "%s%s", i > 1 ? " " : "", a[i]);
    fputc('\n', o);
    return 0;
  }
  if (IS("lines", 1)) { for (int i = 1; i <= atoi(x); i++) { printf("line %d\n", i); if (y) nap(atof(y) / 1000); } return 0; }
  if (IS("stdin", 0)) return copy(0);
  if (IS("ignore-term", 1)) { signal(SIGINT, SIG_IGN); signal(SIGTERM, SIG_IGN); puts("ready"); nap(atof(x)); puts("end"); return 0; }
  if (IS("report-signals", 1)) return report_signals(atof(x));
  if (IS("background", 1)) {
    pid_t p = fork();
    if (p < 0) return fail("fork");
    if (!p) { setsid(); nap(atof(x)); _exit(0); }
    printf("child %d\n", (int)p);
    return 0;
  }
  if (IS("tty", 0)) {
    if (x && !strcmp(x, "watch") && y) {
      struct sigaction w = { .sa_handler = note };
      sigaction(SIGWINCH, &w, 0);
      tty();
      for (double end = now() + atof(y); now() < end; usleep(20000)) if (pending[SIGWINCH]) { pending[SIGWINCH] = 0; tty(); }
      return 0;
    }
    tty();
    return 0;
  }
  if (IS("mounts", 0)) return mounts(x);
  if (IS("nproc", 0)) { cpu_set_t s; if (sched_getaffinity(0, sizeof s, &s)) return fail("affinity"); printf("%d\n", CPU_COUNT(&s)); return 0; }
  if (IS("limits", 0)) return limits();
  if (IS("connect", 2)) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(y)) };
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval t = { 3, 0 };
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    if (inet_pton(AF_INET, x, &to.sin_addr) != 1) { errno = EINVAL; return fail(x); }
    return connect(s, (struct sockaddr *)&to, sizeof to) ? fail("connect") : 0;
  }
  if (IS("do", 0)) return in_turn(n - 1, a + 1);
  fprintf(stderr, "probe: unknown or incomplete: %s\n", c);
  return 2;
}

int main(int n, char **a) {
  setvbuf(stdout, 0, _IOLBF, 0);
  int r = run(n - 1, a + 1);
  return fflush(stdout) ? fail("stdout") : r;
}
