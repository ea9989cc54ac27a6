/* A disk that does not answer:
 *   stuck_disk FOLDER COMMAND...
 * runs COMMAND in a mount namespace of its own, where FOLDER is a file system in user space (FUSE)
 * that answers nothing but its mounting, and ends as the command does. Exit status 77: this machine
 * does not allow it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT = 77, ROOM = 1 << 17 };

static int cannot(const char *what) {
  fprintf(stderr, "stuck_disk: cannot %s: %s\n", what, strerror(errno));
  return CANNOT;
}

/* Without the right to mount, in a user namespace of one's own. */
static bool enter_namespace(void) {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* The one message that is answered. */
static bool answer_mounting(int device) {
  static uint8_t message[ROOM];
  struct fuse_in_header head;
  struct {
    struct fuse_out_header head;
    struct fuse_init_out init;
  } answer = {.init = {.major = FUSE_KERNEL_VERSION,
                       .minor = FUSE_KERNEL_MINOR_VERSION,
                       .max_write = 4096,
                       .max_readahead = 4096}};
  if (read(device, message, sizeof message) < (ssize_t)sizeof head) return false;
  memcpy(&head, message, sizeof head);
  answer.head = (struct fuse_out_header){.len = sizeof answer, .unique = head.unique};
  return head.opcode == FUSE_INIT && write(device, &answer, sizeof answer) == sizeof answer;
}

int main(int count, char **word) {
  char options[128];
  int status = 0;
  if (count < 3) return 2;
  int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) return cannot("open /dev/fuse");
  if (!enter_namespace()) return cannot("have mounts of its own");
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
  if (mount("stuck", word[1], "fuse", MS_NOSUID | MS_NODEV, options) != 0) return cannot("mount");
  if (!answer_mounting(device)) return cannot("answer");
  pid_t child = fork();
  if (child == 0) {
    execvp(word[2], word + 2);
    _exit(cannot(word[2]));
  }
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
