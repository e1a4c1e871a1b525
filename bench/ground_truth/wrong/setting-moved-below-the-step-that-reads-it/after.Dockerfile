FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/banner
COPY make.py server.py ./
RUN python make.py
ENV EDITION=full
EXPOSE 8000
CMD ["python", "server.py"]
