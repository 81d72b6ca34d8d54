"""Lambda errors under their own names, and functions that end with the emulator.

ministack reports every exception of a handler as ``Runtime.HandlerError``. AWS reports the exception's class, which
is what Retry and Catch of a state machine match on, and ``Runtime.ExitError`` if the process died. A handler that is
running when the emulator is killed would continue; here it ends at once, because its standard input closes.

https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import patching

REPORTED = '"trace": traceback.format_exc()'
WATCH = """
def _end_with_the_emulator():
    import os, select, signal, threading

    def watch():
        hangup = select.poll()
        hangup.register(0, 0)
        hangup.poll()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()

_end_with_the_emulator()
"""
DIED = ("Worker process died", "Worker returned no response")

_last_answer: ContextVar[dict[str, Any]] = ContextVar("_last_answer")


def install() -> None:
    """Make workers report the exception's class and end with the emulator; put the class into the answer."""
    script = patching.private(lambda_runtime, "_PYTHON_WORKER_SCRIPT")
    if script.count(REPORTED) != 1:
        patching.refuse("the worker script of ministack's Lambda")
    lambda_runtime._PYTHON_WORKER_SCRIPT = WATCH + script.replace(REPORTED, REPORTED + ', "type": type(e).__name__')
    patching.replace(lambda_runtime.Worker, "invoke", _remember_answer)
    patching.replace(lambda_svc, "_execute_function_warm", _name_errors)


def stop_all() -> None:
    """Stop all running functions."""
    lambda_runtime.reset()


def _remember_answer(invoke: Any) -> Any:
    def remember(worker: Any, *arguments: Any, **options: Any) -> Any:
        answer = invoke(worker, *arguments, **options)
        _last_answer.set(answer)
        return answer

    return remember


def _name_errors(execute: Any) -> Any:
    def name_errors(*arguments: Any, **options: Any) -> Any:
        _last_answer.set({})
        outcome = execute(*arguments, **options)
        answer, body = _last_answer.get(), outcome.get("body")
        if outcome.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            if answer.get("type"):
                body["errorType"] = answer["type"]
                body["stackTrace"] = answer["trace"].splitlines(keepends=True)
            elif answer.get("error") in DIED:
                body["errorType"] = "Runtime.ExitError"
        return outcome

    return name_errors
