"""`quantum health`: is it fit to trade? What is read (collect), held against what (limits), and judged how (judge)."""
