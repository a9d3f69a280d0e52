/*
 * Vectors, semihosting and the two ways between the harness and the network: into it (measured_call) and back out for a
 * moment (emit_row, nano_u_stage). The network runs on a stack of its own, and a timer is read at each crossing, so
 * neither its stack nor its instructions include the harness'. Only ARMv6-M instructions: the same on every core.
 */
    .syntax unified
    .thumb

#define TIMER_CONTROL (BOARD_TIMER + 0)
#define TIMER_VALUE (BOARD_TIMER + 4)
#define TIMER_RELOAD (BOARD_TIMER + 8)

    .section .vectors, "a"
    .word harness_stack_top
    .word reset
    .rept 14
    .word fault
    .endr

    .text

    .global reset
    .type reset, %function
    .thumb_func
reset:
    ldr r0, =TIMER_RELOAD
    ldr r1, =0xffffffff
    str r1, [r0]
    ldr r0, =TIMER_CONTROL
    movs r1, #9       /* count, and note in the status when it passes zero; no interrupt is enabled in the core */
    str r1, [r0]
    bl board_main

    .type fault, %function
    .thumb_func
fault:
    ldr r0, =harness_stack_top
    mov sp, r0
    bl board_fault

/* uint32_t semihosting(uint32_t operation, const void *block) */
    .global semihosting
    .type semihosting, %function
    .thumb_func
semihosting:
    bkpt 0xab
    bx lr

/* void measured_call(void (*function)(void), model_state *state, const int8_t *row):
 * function(state, row, emit_row, NULL) on the network's stack. */
    .global measured_call
    .type measured_call, %function
    .thumb_func
measured_call:
    push {r3, r4, r5, r6, r7, lr}
    mov r4, r0
    mov r0, r1
    mov r1, r2
    ldr r2, =emit_row
    movs r3, #0
    ldr r5, =harness_sp
    mov r6, sp
    str r6, [r5]
    ldr r6, =model_stack_top
    mov sp, r6
    ldr r5, =TIMER_VALUE
    ldr r6, =0xffffffff
    str r6, [r5]
    ldr r6, =segment_start
    ldr r7, [r5]
    str r7, [r6]      /* from here ENTERING instructions to the network's first, */
    blx r4
    ldr r7, [r5]      /* and RETURNING after its last */
    ldr r0, =harness_sp
    ldr r0, [r0]
    mov sp, r0
    mov r0, r7
    bl returned
    pop {r3, r4, r5, r6, r7, pc}

/* void emit_row(void *context, int row, const int8_t *values): what the network calls with a row of its output. */
    .global emit_row
    .type emit_row, %function
    .thumb_func
emit_row:
    ldr r3, =TIMER_VALUE
    ldr r3, [r3]      /* LEAVING instructions after the network's call */
    ldr r0, =receive_row
    b outside

/* void nano_u_stage(int stage): the network's hook at the start of a stage; its instructions from here are that stage's. */
    .global nano_u_stage
    .type nano_u_stage, %function
    .thumb_func
nano_u_stage:
    ldr r3, =TIMER_VALUE
    ldr r3, [r3]
    mov r1, r0
    ldr r0, =begin_stage

/* r0(r1, r2, r3) on the harness' stack, then back to the network. */
outside:
    mov r12, r4
    ldr r4, =harness_sp
    ldr r4, [r4]
    subs r4, r4, #16
    str r5, [r4]
    mov r5, lr
    str r5, [r4, #4]
    mov r5, sp
    str r5, [r4, #8]
    mov r5, r12
    str r5, [r4, #12]
    mov sp, r4
    mov r4, r0
    mov r0, r1
    mov r1, r2
    mov r2, r3
    blx r4
    mov r3, sp
    ldr r5, [r3]
    ldr r0, [r3, #4]
    mov lr, r0
    ldr r4, [r3, #12]
    ldr r0, [r3, #8]
    mov sp, r0
    ldr r0, =TIMER_VALUE
    ldr r1, =segment_start
    ldr r2, [r0]
    str r2, [r1]      /* again ENTERING instructions to the network's next */
    bx lr

    .pool
    .section .bss.board, "aw", %nobits
    .align 2
    .global segment_start
segment_start:
    .space 4
harness_sp:
    .space 4
