// Hides instruction sets from one process, so that programs of every make choose kernels for the same, smaller CPU.
//
//   LD_PRELOAD=libmaskcpu.so MASKCPU=avx2 PROGRAM ..
//
// Linux lets a process ask that CPUID faults (arch_prctl ARCH_SET_CPUID). The fault is answered here with the real CPUID
// less the feature bits that the wanted level does not have. It works for whatever asks CPUID after this library is
// loaded; it needs a CPU with CPUID faulting (`cpuid_fault` in /proc/cpuinfo).
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ARCH_SET_CPUID = 0x1012 };
enum level { AVX2, AVX_VNNI, AVX512_VNNI, NATIVE };

#define BIT(n) (1u << (n))
// CPUID leaf 7, subleaf 0: what AVX-512 and AMX added.
static const unsigned AVX512_EBX = BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const unsigned AVX512_ECX = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const unsigned AVX512_EDX = BIT(2) | BIT(3) | BIT(8) | BIT(23);
static const unsigned AMX_EDX = BIT(22) | BIT(24) | BIT(25);
// Subleaf 1.
static const unsigned AVX_VNNI_EAX = BIT(4), AVX512_BF16_EAX = BIT(5), AMX_FP16_EAX = BIT(21), AVX_IFMA_EAX = BIT(23);
static const unsigned AVX_VNNI_INT8_EDX = BIT(4), AVX_NE_CONVERT_EDX = BIT(5), AMX_COMPLEX_EDX = BIT(8);
static const unsigned AVX_VNNI_INT16_EDX = BIT(10), AVX10_EDX = BIT(19);

static enum level level;
static struct sigaction previous;

static void faulting(int on) { syscall(SYS_arch_prctl, ARCH_SET_CPUID, on ? 0 : 1); }

static void mask(unsigned leaf, unsigned sub, unsigned *eax, unsigned *ebx, unsigned *ecx, unsigned *edx) {
  if (leaf == 7 && sub == 0) {
    *edx &= ~AMX_EDX;
    if (level < AVX512_VNNI) {
      *ebx &= ~AVX512_EBX;
      *ecx &= ~AVX512_ECX;
      *edx &= ~AVX512_EDX;
    }
  } else if (leaf == 7 && sub == 1) {
    *eax &= ~AMX_FP16_EAX;
    *edx &= ~AMX_COMPLEX_EDX;
    if (level < AVX512_VNNI) {
      *eax &= ~AVX512_BF16_EAX;
      *edx &= ~AVX10_EDX;
    }
    if (level < AVX_VNNI) {
      *eax &= ~(AVX_VNNI_EAX | AVX_IFMA_EAX);
      *edx &= ~(AVX_VNNI_INT8_EDX | AVX_NE_CONVERT_EDX | AVX_VNNI_INT16_EDX);
    }
  }
}

static void pass_on(int sig, siginfo_t *info, void *context) {
  if (previous.sa_flags & SA_SIGINFO)
    previous.sa_sigaction(sig, info, context);
  else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
    previous.sa_handler(sig);
  else
    signal(sig, SIG_DFL); // the instruction faults again and ends the process as it would have
}

static void on_fault(int sig, siginfo_t *info, void *context) {
  greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)regs[REG_RIP];
  // A jump to nowhere faults too; its address must not be read.
  if (info->si_addr == (const void *)code || code[0] != 0x0f || code[1] != 0xa2) {
    pass_on(sig, info, context);
    return;
  }
  unsigned leaf = regs[REG_RAX], sub = regs[REG_RCX], eax, ebx, ecx, edx;
  faulting(0);
  __asm__ volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(leaf), "c"(sub));
  faulting(1);
  mask(leaf, sub, &eax, &ebx, &ecx, &edx);
  regs[REG_RAX] = eax;
  regs[REG_RBX] = ebx;
  regs[REG_RCX] = ecx;
  regs[REG_RDX] = edx;
  regs[REG_RIP] += 2;
}

__attribute__((constructor(101))) static void start(void) {
  static const char *const NAMES[] = {"avx2", "avxvnni", "avx512vnni", "native"};
  const char *wanted = getenv("MASKCPU");
  if (!wanted) return;
  for (level = AVX2; level <= NATIVE && strcmp(wanted, NAMES[level]); level++) {
  }
  if (level == NATIVE) return;
  if (level > NATIVE) {
    fprintf(stderr, "maskcpu: MASKCPU is %s; known are avx2, avxvnni, avx512vnni and native\n", wanted);
    _exit(9);
  }
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous);
  if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0)) {
    perror("maskcpu: this CPU or kernel does not let CPUID fault");
    _exit(9);
  }
}
