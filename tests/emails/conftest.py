from tests.renewals import break_card, clock, heard, payer

__all__ = ["break_card", "clock", "heard", "payer"]
