@if exist "%~dp0bin\helm-flow.exe" ("%~dp0bin\helm-flow.exe" __complete %* 2>NUL) else ("%~dp0helm-flow.exe" __complete %* 2>NUL)
