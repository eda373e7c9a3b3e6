// Runs a program and writes what it took: footprint REPORT PROGRAM ARG ..
//
// REPORT becomes {"seconds": wall time, "peak_kb": largest resident set, "status": exit code}. The child is forked from
// this small program: a child of a large one would inherit its parent's peak.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: footprint REPORT PROGRAM ARG ..\n");
    return 2;
  }
  double start = now();
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
    perror("footprint");
    return 2;
  }
  double seconds = now() - start;
  FILE *report = fopen(argv[1], "w");
  if (!report) {
    perror(argv[1]);
    return 2;
  }
  fprintf(report, "{\"seconds\": %.6f, \"peak_kb\": %ld, \"status\": %d}\n", seconds, usage.ru_maxrss,
          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return fclose(report) ? 2 : 0;
}
