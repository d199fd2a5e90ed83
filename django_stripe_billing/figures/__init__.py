"""The figures of the dashboard: computed from the rows, and kept where that takes long."""

from .keeping import FRESH, LIVE_ROWS, current_figures, refresh_figures

__all__ = ["FRESH", "LIVE_ROWS", "current_figures", "refresh_figures"]
