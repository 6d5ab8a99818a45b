# install.sh for Windows; see there for what it does, and in which order.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-Location $env:HELM_PLUGIN_DIR
$version = (Select-String -Path plugin.yaml -Pattern '^version: *(.*)$').Matches[0].Groups[1].Value

function Fail($why) {
    [Console]::Error.WriteLine("flow: $why")
    [Console]::Error.WriteLine('flow: not installed; once that is mended: helm plugin uninstall flow, and install it again')
    exit 1
}

function Test-Works {
    if (-not ((Test-Path bin\helm-flow.exe) -and (Test-Path bin\flow-gateway.exe) -and (Test-Path bin\flow-executor.exe))) { return $false }
    return "$(& bin\helm-flow.exe version)".StartsWith("helm-flow $version ")
}

function Test-Sum($archive, $sums, $sum) {
    $is = (Get-FileHash -Algorithm SHA256 $archive).Hash.ToLower()
    if ($sum) {
        if ($is -ne $sum.ToLower()) { Fail "the checksum of $archive is $is, expected $sum" }
    } elseif (-not (Select-String -Quiet -Path $sums -Pattern "^$is ")) {
        Fail "the checksum of $archive is $is, which $sums does not have"
    }
}

function Expand($archive) {
    Remove-Item -Recurse -Force -ErrorAction SilentlyContinue .unpacked
    New-Item -ItemType Directory .unpacked | Out-Null
    tar -xzf $archive -C .unpacked
    if (-not (Test-Path .unpacked\helm-flow.exe)) { Fail "$archive has no helm-flow.exe: it is no archive of this plugin for Windows" }
    New-Item -ItemType Directory -Force bin | Out-Null
    foreach ($program in 'helm-flow', 'flow-gateway', 'flow-executor') { Move-Item -Force ".unpacked\$program.exe" bin }
    Remove-Item -Recurse -Force .unpacked
}

function Build {
    if (-not ((Get-Command go -ErrorAction SilentlyContinue) -and (Test-Path go.mod))) { return $false }
    [Console]::Error.WriteLine('flow: building with Go, which takes minutes')
    & go build -o bin/ ./cmd/helm-flow ./cmd/flow-gateway ./cmd/flow-executor | Out-Null
    return $LASTEXITCODE -eq 0
}

function Download {
    $url = if ($env:HELM_FLOW_URL) { $env:HELM_FLOW_URL } else { "https://github.com/helm-flow/helm-flow/releases/download/v$version" }
    $arch = if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64') { 'arm64' } else { 'amd64' }
    New-Item -ItemType Directory -Force .fetched | Out-Null
    try {
        Invoke-WebRequest -UseBasicParsing "$url/flow-$version-windows-$arch.tgz" -OutFile .fetched\flow.tgz
        Invoke-WebRequest -UseBasicParsing "$url/checksums.txt" -OutFile .fetched\checksums.txt
    } catch {
        Fail "$url cannot be fetched ($_); name an archive by HELM_FLOW_ARCHIVE, or a mirror by HELM_FLOW_URL"
    }
    Test-Sum .fetched\flow.tgz .fetched\checksums.txt
    Expand .fetched\flow.tgz
    Remove-Item -Recurse -Force .fetched
}

if (Test-Works) {
} elseif ($env:HELM_FLOW_ARCHIVE) {
    $sums = Join-Path (Split-Path $env:HELM_FLOW_ARCHIVE) checksums.txt
    if (-not ($env:HELM_FLOW_SHA256 -or (Test-Path $sums))) {
        Fail "nothing to check $env:HELM_FLOW_ARCHIVE with: set HELM_FLOW_SHA256, or put checksums.txt beside it"
    }
    Test-Sum $env:HELM_FLOW_ARCHIVE $sums $env:HELM_FLOW_SHA256
    Expand $env:HELM_FLOW_ARCHIVE
} elseif (-not (Build)) {
    Download
}
if (-not (Test-Works)) { Fail "bin\helm-flow.exe is not version $version" }
& bin\helm-flow.exe version
