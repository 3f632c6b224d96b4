/* A libnvidia-ml.so.1 without a GPU: as much of NVML as asking "which GPUs, how big, who uses them" needs.

   gcc -shared -fPIC -O1 -Wl,-soname,libnvidia-ml.so.1 -o libnvidia-ml.so.1 nvml_shim.c

   What it answers comes from the environment. A list has one entry per GPU, separated by commas; where it is too short, the
   last entry of a description (NAME, MEM, CC) counts on, and of a load (USED, UTIL, PIDS) there is none.

     SCAF_FAKE_GPUS=2              how many GPUs
     SCAF_FAKE_DRIVER=550.54.15    version of the driver
     SCAF_FAKE_CUDA=12040          CUDA version that the driver supports, 1000 x major + 10 x minor
     SCAF_FAKE_NVML_INIT=0         what nvmlInit answers: 9 driver not loaded, 4 no permission, 18 library and driver differ, 999 …
     SCAF_FAKE_GPU_NAME=…,…        SCAF_FAKE_GPU_MEM=MiB,…        SCAF_FAKE_CC=9.0,…
     SCAF_FAKE_GPU_USED=MiB,…      SCAF_FAKE_GPU_UTIL=percent,…   SCAF_FAKE_GPU_PIDS=pid,pid+pid,0,…   (0: none, +: several)
     SCAF_FAKE_GPU_LOST=i,…        GPUs that have fallen off the bus: every question about them fails with 15
     SCAF_FAKE_NVML_FILE=path      lines NAME=value that win over the environment. It is read at every call, so that a GPU can
                                   become free, busy or lost while a program runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int R;
typedef struct dev *D;
enum { OK = 0, UNINIT = 1, INVAL = 2, NOTSUP = 3, NOTFOUND = 6, SMALL = 7, LOST = 15, UNKNOWN = 999, MOST = 64 };
static int up;
static struct dev { int i; } devs[MOST];

static const char *get(const char *name, const char *otherwise) {
  static __thread char line[4096];
  const char *path = getenv("SCAF_FAKE_NVML_FILE"), *v;
  size_t k = strlen(name);
  FILE *f = path && *path ? fopen(path, "r") : 0;
  if (f) {
    while (fgets(line, sizeof line, f)) if (!strncmp(line, name, k) && line[k] == '=') {
      line[strcspn(line, "\n")] = 0;
      fclose(f);
      return line + k + 1;
    }
    fclose(f);
  }
  v = getenv(name);
  return v && *v ? v : otherwise;
}

/* Entry i of a list into b; the last one where it is too short and that is wished; else "". */
static const char *entry(const char *list, int i, int last_counts_on, char *b, size_t size) {
  size_t n;
  while (i > 0) {
    const char *comma = strchr(list, ',');
    if (!comma) { if (!last_counts_on) { *b = 0; return b; } break; }
    list = comma + 1;
    i--;
  }
  n = strcspn(list, ",");
  if (n >= size) n = size - 1;
  memcpy(b, list, n);
  b[n] = 0;
  return b;
}
static unsigned long long number(const char *name, const char *otherwise, int i, int last_counts_on) {
  char b[64];
  return strtoull(entry(get(name, otherwise), i, last_counts_on, b, sizeof b), 0, 10);
}
static int count(void) { int c = atoi(get("SCAF_FAKE_GPUS", "2")); return c < 0 ? 0 : c > MOST ? MOST : c; }
static int lost(int i) {
  const char *l = get("SCAF_FAKE_GPU_LOST", "");
  while (*l) {
    char *end; long x = strtol(l, &end, 10);
    if (end != l && x == i) return 1;
    l = *end ? end + 1 : end;
  }
  return 0;
}
static R put(char *b, unsigned size, const char *s) {
  if (!b) return INVAL;
  if (strlen(s) + 1 > size) return SMALL;
  strcpy(b, s);
  return OK;
}

#define UP if (!up) return UNINIT
#define DEV UP; if (!d || d < devs || d >= devs + MOST) return INVAL; if (lost(d->i)) return LOST
#define OUT(p) if (!(p)) return INVAL

static R init(void) {
  int r = atoi(get("SCAF_FAKE_NVML_INIT", "0"));
  if (r) return r;
  for (int i = 0; i < MOST; i++) devs[i].i = i;
  up++;
  return OK;
}
R nvmlInit(void) { return init(); }
R nvmlInit_v2(void) { return init(); }
R nvmlInitWithFlags(unsigned f) { (void)f; return init(); }
R nvmlShutdown(void) { UP; up--; return OK; }
const char *nvmlErrorString(R r) {
  switch (r) {
    case OK: return "The operation was successful";
    case UNINIT: return "NVML was not first initialized with nvmlInit()";
    case INVAL: return "A supplied argument is invalid";
    case NOTSUP: return "The requested operation is not available on target device";
    case 4: return "The current user does not have permission for operation";
    case NOTFOUND: return "A query to find an object was unsuccessful";
    case SMALL: return "An input argument is not large enough";
    case 9: return "NVIDIA driver is not loaded";
    case LOST: return "The GPU has fallen off the bus or has otherwise become inaccessible";
    case 18: return "Driver/library version mismatch";
    default: return "An internal driver error occurred";
  }
}

R nvmlSystemGetDriverVersion(char *b, unsigned n) { UP; return put(b, n, get("SCAF_FAKE_DRIVER", "550.54.15")); }
R nvmlSystemGetNVMLVersion(char *b, unsigned n) { char t[64]; UP; snprintf(t, sizeof t, "12.%s", get("SCAF_FAKE_DRIVER", "550.54.15")); return put(b, n, t); }
R nvmlSystemGetCudaDriverVersion(int *v) { UP; OUT(v); *v = atoi(get("SCAF_FAKE_CUDA", "12040")); return OK; }
R nvmlSystemGetCudaDriverVersion_v2(int *v) { return nvmlSystemGetCudaDriverVersion(v); }
R nvmlSystemGetProcessName(unsigned pid, char *b, unsigned n) {
  char t[64]; FILE *f;
  UP;
  snprintf(t, sizeof t, "/proc/%u/comm", pid);
  if (!(f = fopen(t, "r"))) return NOTFOUND;
  if (!fgets(t, sizeof t, f)) *t = 0;
  fclose(f);
  t[strcspn(t, "\n")] = 0;
  return put(b, n, t);
}

static void uuid(int i, char *t, size_t n) { snprintf(t, n, "GPU-00000000-0000-0000-0000-%012d", i); }
static void bus(int i, char *t, size_t n) { snprintf(t, n, "%08X:%02X:00.0", 0, i + 1); }
R nvmlDeviceGetCount(unsigned *c) { UP; OUT(c); *c = count(); return OK; }
R nvmlDeviceGetCount_v2(unsigned *c) { return nvmlDeviceGetCount(c); }
R nvmlDeviceGetHandleByIndex(unsigned i, D *d) { UP; if (!d || i >= (unsigned)count()) return INVAL; if (lost(i)) return LOST; *d = &devs[i]; return OK; }
R nvmlDeviceGetHandleByIndex_v2(unsigned i, D *d) { return nvmlDeviceGetHandleByIndex(i, d); }
R nvmlDeviceGetHandleByUUID(const char *u, D *d) {
  char t[64];
  UP; OUT(u); OUT(d);
  for (int i = 0; i < count(); i++) { uuid(i, t, sizeof t); if (!strcmp(t, u)) return nvmlDeviceGetHandleByIndex(i, d); }
  return NOTFOUND;
}
R nvmlDeviceGetHandleByPciBusId_v2(const char *id, D *d) {
  char t[32];
  UP; OUT(id); OUT(d);
  for (int i = 0; i < count(); i++) { bus(i, t, sizeof t); if (!strcmp(t, id) || !strcmp(t + 4, id)) return nvmlDeviceGetHandleByIndex(i, d); }
  return NOTFOUND;
}
R nvmlDeviceGetName(D d, char *b, unsigned n) { char t[96]; DEV; return put(b, n, entry(get("SCAF_FAKE_GPU_NAME", "Fake H100 80GB"), d->i, 1, t, sizeof t)); }
R nvmlDeviceGetUUID(D d, char *b, unsigned n) { char t[64]; DEV; uuid(d->i, t, sizeof t); return put(b, n, t); }
R nvmlDeviceGetSerial(D d, char *b, unsigned n) { char t[64]; DEV; snprintf(t, sizeof t, "FAKE%04d", d->i); return put(b, n, t); }
R nvmlDeviceGetIndex(D d, unsigned *i) { DEV; OUT(i); *i = d->i; return OK; }
R nvmlDeviceGetMinorNumber(D d, unsigned *i) { DEV; OUT(i); *i = d->i; return OK; }
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char busid[32]; } pci_t;
R nvmlDeviceGetPciInfo_v3(D d, pci_t *p) {
  DEV; OUT(p);
  memset(p, 0, sizeof *p);
  p->bus = d->i + 1;
  p->id = 0x233010de;
  bus(d->i, p->busid, sizeof p->busid);
  strcpy(p->legacy, p->busid + 4);
  return OK;
}
R nvmlDeviceGetCudaComputeCapability(D d, int *a, int *b) { char t[32]; DEV; OUT(a); OUT(b); return sscanf(entry(get("SCAF_FAKE_CC", "9.0"), d->i, 1, t, sizeof t), "%d.%d", a, b) == 2 ? OK : UNKNOWN; }

#define MIB (1ull << 20)
typedef struct { unsigned long long total, free, used; } mem_t;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } mem2_t;
R nvmlDeviceGetMemoryInfo(D d, mem_t *m) {
  DEV; OUT(m);
  m->total = number("SCAF_FAKE_GPU_MEM", "81920", d->i, 1) * MIB;
  m->used = number("SCAF_FAKE_GPU_USED", "", d->i, 0) * MIB;
  if (m->used > m->total) m->used = m->total;
  m->free = m->total - m->used;
  return OK;
}
R nvmlDeviceGetMemoryInfo_v2(D d, mem2_t *m) {
  mem_t a; R r;
  OUT(m);
  if ((r = nvmlDeviceGetMemoryInfo(d, &a))) return r;
  m->total = a.total; m->reserved = 0; m->free = a.free; m->used = a.used;
  return OK;
}
typedef struct { unsigned gpu, memory; } util_t;
R nvmlDeviceGetUtilizationRates(D d, util_t *u) { DEV; OUT(u); u->gpu = (unsigned)number("SCAF_FAKE_GPU_UTIL", "", d->i, 0); u->memory = u->gpu / 2; return OK; }

/* All versions of the call answer the question "how many" (size 0) and "which" the same way; only the record differs. */
typedef struct { unsigned pid; unsigned long long used; } proc1_t;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } proc2_t;
static R processes(D d, unsigned *n, void *out, int version) {
  char t[512]; unsigned pids[64], k = 0, i; const char *p;
  DEV; OUT(n);
  for (p = entry(get("SCAF_FAKE_GPU_PIDS", ""), d->i, 0, t, sizeof t); *p && k < 64;) {
    char *end; unsigned long x = strtoul(p, &end, 10);
    if (x) pids[k++] = (unsigned)x;
    p = *end ? end + 1 : end;
  }
  i = *n;
  *n = k;
  if (i < k) return SMALL;
  if (k && !out) return INVAL;
  for (i = 0; i < k; i++) {
    unsigned long long used = number("SCAF_FAKE_GPU_USED", "", d->i, 0) * MIB / k;
    if (version == 1) ((proc1_t *)out)[i] = (proc1_t){ pids[i], used };
    else ((proc2_t *)out)[i] = (proc2_t){ pids[i], used, ~0u, ~0u };      /* all ones: no MIG instance */
  }
  return OK;
}
R nvmlDeviceGetComputeRunningProcesses(D d, unsigned *n, void *p) { return processes(d, n, p, 1); }
R nvmlDeviceGetComputeRunningProcesses_v2(D d, unsigned *n, void *p) { return processes(d, n, p, 2); }
R nvmlDeviceGetComputeRunningProcesses_v3(D d, unsigned *n, void *p) { return processes(d, n, p, 3); }
static R none(D d, unsigned *n) { DEV; OUT(n); *n = 0; return OK; }
R nvmlDeviceGetGraphicsRunningProcesses(D d, unsigned *n, void *p) { (void)p; return none(d, n); }
R nvmlDeviceGetGraphicsRunningProcesses_v2(D d, unsigned *n, void *p) { (void)p; return none(d, n); }
R nvmlDeviceGetGraphicsRunningProcesses_v3(D d, unsigned *n, void *p) { (void)p; return none(d, n); }

R nvmlDeviceGetTemperature(D d, int s, unsigned *t) { DEV; OUT(t); (void)s; *t = 35; return OK; }
R nvmlDeviceGetPowerUsage(D d, unsigned *p) { DEV; OUT(p); *p = 70000; return OK; }
R nvmlDeviceGetEnforcedPowerLimit(D d, unsigned *p) { DEV; OUT(p); *p = 700000; return OK; }
R nvmlDeviceGetMigMode(D d, unsigned *c, unsigned *p) { DEV; (void)c; (void)p; return NOTSUP; }
R nvmlDeviceGetComputeMode(D d, int *m) { DEV; OUT(m); *m = 0; return OK; }
R nvmlDeviceGetPersistenceMode(D d, int *m) { DEV; OUT(m); *m = 1; return OK; }
R nvmlDeviceGetBrand(D d, int *b) { DEV; OUT(b); *b = 2; return OK; }
