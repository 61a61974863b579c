"""Whether the settings of a run make sense together."""

from __future__ import annotations

from vidcolor.errors import OptionError
from vidcolor.training.config import TrainConfig
from vidcolor.training.losses.objective import check_tables, needs


def check_run(config: TrainConfig, processes: int) -> None:
    """Refuse settings that contradict each other.

    Raises:
        OptionError: naming the first contradiction.
    """
    check_tables(config.losses)
    if config.batch_size % processes:
        raise OptionError(
            f"batch_size {config.batch_size} can't be shared evenly by {processes} processes"
        )
    if config.folds and not (config.folds > 1 and config.fold < config.folds):
        raise OptionError(f"a cross-validation needs 2 folds or more, got {config.folds}")
    measured = config.val or config.folds
    if not measured and (config.patience or config.keep == "best"):
        raise OptionError("early stopping and the best weights need pictures to validate on: val")
    taught = needs(config.losses, "needs_teacher")
    if taught and not config.teacher:
        raise OptionError('a teacher\'s loss needs teacher = "FILE"')
    if config.teacher and not taught:
        raise OptionError(
            f"no loss learns from the teacher {config.teacher}: add [losses.teacher-ab], or leave "
            "the teacher out"
        )
    if config.decoding == "annealed-mean" and not needs(config.losses, "needs_classes"):
        raise OptionError("decoding by annealed mean needs a classification loss")
    if config.decoding == "regression" and not needs(config.losses, "needs_ab"):
        raise OptionError(
            f"no loss teaches the regression head ({', '.join(config.losses)} only the "
            'classification head): give decoding = "annealed-mean", or add [losses.huber]'
        )
