// A plugin for qemu-aarch64 that counts how often each block of instructions is executed.
//
//   cc -O2 -shared -fPIC -o counter.so instruction_counter.c
//   qemu-aarch64 -plugin counter.so,out=FILE PROGRAM
//
// Whenever the program calls getpgid, which few programs do otherwise, FILE gets the counts since the last such call:
// one record per block, little endian, with executions (64 bits), number of instructions (32 bits), and the instructions
// (32 bits each); at the end a record without instructions. Debian has no package with qemu-plugin.h, so the part of it
// that is needed is declared here.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define GETPGID 155

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t, void (*)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t, void (*)(uint64_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                            uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;  // of the interface in qemu 7.2, which Debian 12 has

struct block {
    struct block *next;
    uint64_t executions;
    uint32_t size, instructions[];
};

static struct block *blocks;
static FILE *out;

static void executed(unsigned cpu, void *block) {
    (void)cpu;
    ((struct block *)block)->executions++;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    size_t size = qemu_plugin_tb_n_insns(tb);
    struct block *block = malloc(sizeof *block + size * sizeof *block->instructions);
    if (block == NULL) abort();
    *block = (struct block){.next = blocks, .size = size};
    for (size_t i = 0; i < size; i++)
        memcpy(&block->instructions[i], qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, i)), 4);
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, block);
}

static void write_block(const struct block *block) {
    fwrite(&block->executions, sizeof block->executions, 1, out);
    fwrite(&block->size, sizeof block->size, 1 + block->size, out);
}

static void called(uint64_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                   uint64_t f, uint64_t g, uint64_t h) {
    (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number != GETPGID) return;
    for (struct block *block = blocks; block != NULL; block = block->next) {
        if (block->executions) write_block(block);
        block->executions = 0;
    }
    write_block(&(struct block){.size = 0});
    if (fflush(out)) abort();
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv) {
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) || (out = fopen(argv[0] + 4, "wb")) == NULL) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
