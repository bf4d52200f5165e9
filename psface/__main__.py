from psface.commands.cli import main

main()
