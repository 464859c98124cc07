/*
 * store/history.h - what the clerk does for calls and traces (KEEPER_CALL_*, KEEPER_TRACE_*).
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "store/desk.h"

MUST_CHECK enum err store_history_put_call(struct store_desk *);
MUST_CHECK enum err store_history_close_calls(struct store_desk *);
MUST_CHECK enum err store_history_list_calls(struct store_desk *);
MUST_CHECK enum err store_history_append_trace(struct store_desk *);
MUST_CHECK enum err store_history_list_trace(struct store_desk *);
MUST_CHECK enum err store_history_list_traced(struct store_desk *);

#endif
