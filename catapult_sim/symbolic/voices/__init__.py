"""How a derived rule is written: NumPy, Python, JavaScript, text, LaTeX, MathML."""
