"""`quantum top`: the pipeline on the whole terminal. What is read (sample), how it is seen (views), and shown (app)."""
