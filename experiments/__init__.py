"""How clients, strategies and attacks are put together, run, recorded and plotted."""
