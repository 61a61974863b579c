"""The shot plan: what it holds, and making it while frames come by."""
